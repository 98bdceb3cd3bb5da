#include "cli/run_flags.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/take.h"
#include "common/base/status_macros.h"
#include "common/net/endpoint.h"
#include "common/os/subprocess.h"
#include "common/wire/messages.h"
#include "worker/ctest/resource_spec.h"

namespace paceline {
namespace {

// ctest's own selection flags, kept in the order in which ctest is told.
Option CtestFlag(std::string key, std::string letter, std::string help,
                 RunFlags* flags) {
  Option option;
  option.key = std::move(key);
  option.also = {letter};
  option.kind = SettingKind::kList;
  option.value = "REGEX";
  option.help = std::move(help);
  option.take = [flags, letter](const std::string& text) {
    flags->discovery.ctest_selection.push_back(letter);
    flags->discovery.ctest_selection.push_back(text);
    return absl::OkStatus();
  };
  return option;
}

absl::Status TakeSeed(const std::string& text, RunFlags* flags) {
  flags->shuffle = text != "false";
  if (text == "random" || text == "true" || text == "false") {
    return absl::OkStatus();
  }
  std::uint64_t seed = 0;
  if (!absl::SimpleAtoi(text, &seed)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not understood: say a number, or \"random\""));
  }
  flags->seed = seed;
  return absl::OkStatus();
}

void AddSelection(RunFlags* flags, OptionSet& set) {
  set.Add({.key = "runner",
           .value = "NAME",
           .help = "gtest, ctest, pytest, unittest, doctest, command or "
                   "worker; default: look at the target",
           .take = TakeText(&flags->named.runner)});
  set.Add({.key = "filter",
           .kind = SettingKind::kList,
           .value = "TEXT",
           .help = "Tests by name: GoogleTest's language, =NAME, or a part of "
                   "\"suite: test\"; repeat for more",
           .take = [flags](const std::string& text) {
             flags->filter.names.emplace_back(text);
             return absl::OkStatus();
           }});
  set.Add({.key = "label",
           .kind = SettingKind::kList,
           .value = "REGEX",
           .help = "Tests with a label that matches; repeat for more",
           .take = [flags](const std::string& text) -> absl::Status {
             absl::StatusOr<LabelFilter> label = LabelFilter::Create(text);
             if (!label.ok()) {
               return label.status();
             }
             flags->filter.labels.push_back(*std::move(label));
             flags->label_texts.push_back(text);
             return absl::OkStatus();
           }});
  set.Add({.key = "shard",
           .value = "I/N",
           .help = "This part of the tests, the same on every machine",
           .take = TakeParsed(&flags->shard, [](const std::string& text) {
             return ParseShard(text);
           })});
  set.Add({.key = "repeat",
           .value = "N",
           .help = "Run every test N times",
           .take = TakePositive(&flags->repeat)});
  set.Add(
      {.key = "shuffle",
       .value = "SEED",
       .help = "In random order, which is printed; --shuffle=SEED for the "
               "same one again",
       .take =
           [flags](const std::string& text) { return TakeSeed(text, flags); },
       .implied = "random"});
  set.Add({.key = "also-run-disabled",
           .kind = SettingKind::kSwitch,
           .help = "Run GoogleTest's disabled tests too",
           .take = TakeSwitch(&flags->discovery.also_run_disabled)});
  set.Add({.key = "discovery-timeout",
           .value = "TIME",
           .help = "A listing that takes longer has failed (60s)",
           .take = TakeDuration(&flags->discovery.timeout)});
}

void AddCtest(RunFlags* flags, OptionSet& set) {
  set.Add(
      CtestFlag("tests-regex", "-R", "ctest: tests whose name matches", flags));
  set.Add(CtestFlag("exclude-regex", "-E",
                    "ctest: but not those whose name matches", flags));
  set.Add(CtestFlag("label-regex", "-L", "ctest: tests whose label matches",
                    flags));
  set.Add(CtestFlag("label-exclude", "-LE",
                    "ctest (-LE): but not those whose label matches", flags));
  set.Add({.key = "build-config",
           .also = {"-C"},
           .value = "CONFIG",
           .help = "ctest: the configuration to test",
           .take = TakeText(&flags->discovery.ctest_config)});
  set.Add({.key = "rerun-failed",
           .kind = SettingKind::kSwitch,
           .help = "ctest: the tests that failed the last time ctest ran",
           .take = TakeSwitch(&flags->discovery.ctest_rerun_failed)});
  set.Add({.key = "resource-spec-file",
           .value = "FILE",
           .help = "ctest: what RESOURCE_GROUPS are given of",
           .take = TakeText(&flags->resource_spec_file)});
}

void AddPython(RunFlags* flags, OptionSet& set) {
  PythonOptions& python = flags->discovery.python;
  // "-k TEXT" for pytest, as two arguments.
  const auto passed_on = [&python](std::string flag) {
    return [&python, flag](const std::string& text) {
      python.arguments.push_back(flag);
      python.arguments.push_back(text);
      return absl::OkStatus();
    };
  };
  set.Add({.key = "python",
           .value = "FILE",
           .help = "The Python that runs the tests (default: the active or "
                   "nearest virtual environment's, pytest's own, python3)",
           .take = TakeText(&python.python)});
  set.Add({.key = "keyword",
           .also = {"-k"},
           .value = "EXPRESSION",
           .help = "pytest: tests whose names match",
           .take = passed_on("-k")});
  set.Add({.key = "markers",
           .also = {"-m"},
           .value = "EXPRESSION",
           .help = "pytest: tests whose marks match",
           .take = passed_on("-m")});
  set.Add({.key = "durations",
           .value = "N",
           .help = "pytest: show the N slowest phases at the end",
           .take = [&python](const std::string& text) {
             python.arguments.push_back(absl::StrCat("--durations=", text));
             return absl::OkStatus();
           }});
  set.Add({.key = "pytest-arg",
           .kind = SettingKind::kList,
           .value = "ARGUMENT",
           .help = "pytest: an argument of its own; repeat for more",
           .take = TakeList(&python.arguments)});
  set.Add({.key = "capture",
           .also = {"-s"},
           .value = "no|fd|sys|tee-sys",
           .help = "pytest: how output is captured; -s, or no: not at all, "
                   "and one worker has the terminal",
           .take =
               [&python](const std::string& text) {
                 python.arguments.push_back(absl::StrCat("--capture=", text));
                 return absl::OkStatus();
               },
           .only_on_command_line = true,
           .implied = "no"});
  const auto switched_on = [&python](std::string flag) {
    return [&python, flag](const std::string& text) {
      if (text != "false") {
        python.arguments.push_back(flag);
      }
      return absl::OkStatus();
    };
  };
  set.Add({.key = "pdb",
           .kind = SettingKind::kSwitch,
           .help = "pytest: debug tests that fail; one worker has the terminal",
           .take = switched_on("--pdb"),
           .only_on_command_line = true});
  set.Add({.key = "trace",
           .kind = SettingKind::kSwitch,
           .help = "pytest: debug every test from its start",
           .take = switched_on("--trace"),
           .only_on_command_line = true});
  set.Add({.key = "unit",
           .value = "module|class|test|auto",
           .help = "pytest: what may run apart where no fixture forbids it "
                   "(auto: modules, and tests of very large ones)",
           .take = [&python](const std::string& text) {
             if (text != "module" && text != "class" && text != "test" &&
                 text != "auto") {
               return absl::InvalidArgumentError(
                   "say module, class, test or auto");
             }
             python.unit = text;
             return absl::OkStatus();
           }});
  set.Add({.key = "collect-first",
           .kind = SettingKind::kSwitch,
           .help = "pytest: run nothing before all is collected",
           .take = TakeSwitch(&python.collect_first)});
  set.Add({.key = "no-collection-cache",
           .kind = SettingKind::kSwitch,
           .help = "pytest: collect, whatever is known from an earlier run",
           .take = TakeSwitch(&python.no_collection_cache)});
}

void AddPlace(RunFlags* flags, OptionSet& set) {
  set.Add({.key = "workers",
           .also = {"-j"},
           .value = "N",
           .help = "So many workers here (default: the CPUs)",
           .take = [flags](const std::string& text) -> absl::Status {
             std::uint32_t count = 0;
             PACELINE_RETURN_IF_ERROR(TakePositive(&count, kMaxSlots)(text));
             flags->workers = count;
             return absl::OkStatus();
           }});
  set.Add({.key = "coordinator",
           .value = "ENDPOINT|none",
           .help = "Run on the agents of this coordinator (none: here)",
           .take =
               [flags](const std::string& text) {
                 flags->coordinator.clear();
                 return text == "none"
                            ? absl::OkStatus()
                            : TakeEndpoint(&flags->coordinator, false)(text);
               },
           .instead_of = {"listen"}});
  set.Add({.key = "listen",
           .value = "ENDPOINT",
           .help = "Be the coordinator of this run, for agents that dial here",
           .take = TakeEndpoint(&flags->listen, true),
           .instead_of = {"coordinator"}});
  set.Add({.key = "agents",
           .value = "N",
           .help = "With --listen: wait for so many agents",
           .take = TakePositive(&flags->agents)});
  set.Add({.key = "insecure",
           .kind = SettingKind::kSwitch,
           .help = "With --listen: beyond this machine, without keys",
           .take = TakeSwitch(&flags->insecure)});
  set.Add({.key = "connect-timeout",
           .value = "TIME",
           .help = "Wait so long for a coordinator (10s)",
           .take = TakeDuration(&flags->connect_timeout)});
  set.Add({.key = "agent-wait",
           .value = "TIME",
           .help = "Wait so long while no agent is there (60s)",
           .take = TakeDuration(&flags->agent_wait)});
  AddLimits(&flags->limits, set);
}

void AddPolicy(RunFlags* flags, OptionSet& set) {
  RunOptions& options = flags->options;
  set.Add({.key = "retries",
           .value = "N",
           .help = "Try a bad test so often again; a pass then is flaky",
           .take = TakeCount(&options.retries)});
  set.Add({.key = "exitfirst",
           .also = {"-x"},
           .kind = SettingKind::kSwitch,
           .help = "Stop after the first bad test: --max-fail 1",
           .take = [&options](const std::string& text) {
             if (text != "false") {
               options.max_fail = 1;
             }
             return absl::OkStatus();
           }});
  set.Add({.key = "max-fail",
           .value = "N",
           .help = "Stop after N bad tests (0: never)",
           .take = TakeCount(&options.max_fail)});
  set.Add({.key = "timeout",
           .value = "TIME",
           .help = "For tests whose framework states none (10m)",
           .take = [&options](const std::string& text) {
             absl::Status taken = TakeDuration(&options.default_timeout)(text);
             return taken.ok() && options.default_timeout == Duration::zero()
                        ? absl::InvalidArgumentError(
                              "no test ends in no time; say a longer one, such "
                              "as 24h")
                        : taken;
           }});
  set.Add({.key = "on-lost",
           .value = "rerun|lost",
           .help = "What becomes of a test whose agent vanished (rerun)",
           .take = [&options](const std::string& text) {
             if (text != "rerun" && text != "lost") {
               return absl::InvalidArgumentError("say rerun or lost");
             }
             options.on_lost = text == "rerun" ? OnLost::kRerun : OnLost::kLost;
             return absl::OkStatus();
           }});
  set.Add({.key = "fail-on-flaky",
           .kind = SettingKind::kSwitch,
           .help = "A flaky test is bad",
           .take = TakeSwitch(&options.fail_on_flaky)});
  set.Add({.key = "fail-on-leak",
           .kind = SettingKind::kSwitch,
           .help = "A test that leaves something behind is bad",
           .take = TakeSwitch(&options.fail_on_leak)});
  set.Add({.key = "detach",
           .kind = SettingKind::kSwitch,
           .help = "The run goes on when this program is gone",
           .take = TakeSwitch(&options.detach)});
  set.Add({.key = "client-grace",
           .value = "TIME",
           .help = "Cancel the run when this program is gone so long (2m)",
           .take = TakeDuration(&options.client_grace)});
  set.Add({.key = "pass-env",
           .kind = SettingKind::kList,
           .value = "NAME",
           .help = "Give this variable to tests on other machines too",
           .take = TakeList(&flags->pass_env)});
  set.Add({.key = "env",
           .kind = SettingKind::kList,
           .value = "NAME=VALUE",
           .help = "A variable for all tests",
           .take = [flags](const std::string& text) {
             if (text.find('=') == std::string::npos || text[0] == '=') {
               return absl::InvalidArgumentError(
                   absl::StrCat("\"", text, "\" is no NAME=VALUE"));
             }
             flags->env.push_back(text);
             return absl::OkStatus();
           }});
}

void AddReports(RunFlags* flags, OptionSet& set) {
  set.Add({.key = "junit",
           .value = "FILE|-",
           .help = "Write a JUnit file as the run goes; - for standard output",
           .take = TakeText(&flags->junit)});
  set.Add({.key = "json",
           .value = "FILE|-",
           .help = "Write one JSON event a line; - for standard output",
           .take = TakeText(&flags->json)});
  const auto verbosity = [flags](Verbosity level) {
    return [flags, level](const std::string& text) {
      if (text != "false") {
        flags->verbosity = level;
      }
      return absl::OkStatus();
    };
  };
  set.Add({.key = "verbose",
           .also = {"-v"},
           .kind = SettingKind::kSwitch,
           .help = "A line for every test",
           .take = verbosity(Verbosity::kVerbose)});
  set.Add({.key = "quiet",
           .also = {"-q"},
           .kind = SettingKind::kSwitch,
           .help = "Failures and the summary only",
           .take = verbosity(Verbosity::kQuiet)});
  set.Add({.key = "colour",
           .also = {"--color"},
           .value = "auto|always|never",
           .help = "Colours (auto: on a terminal, unless NO_COLOR is set)",
           .take = [flags](const std::string& text) {
             flags->colour = text == "always"  ? Colour::kAlways
                             : text == "never" ? Colour::kNever
                                               : Colour::kAuto;
             return text == "always" || text == "never" || text == "auto"
                        ? absl::OkStatus()
                        : absl::InvalidArgumentError(
                              "say auto, always or never");
           }});
  set.Add({.key = "log-level",
           .value = "LEVEL",
           .help = "debug, info, warning or error (warning)",
           .take = TakeLogLevel()});
}

// What is said of where a run is, and of nothing else. In paceline.toml it may
// stand for the runs that it is of.
absl::Status CheckPlace(const OptionSet::Parsed& parsed, RunFlags& flags) {
  if (!flags.coordinator.empty() && !flags.listen.empty()) {
    return absl::InvalidArgumentError(
        "--coordinator and --listen contradict each other: a run is the "
        "coordinator itself, or uses one");
  }
  if (flags.listen.empty()) {
    for (const char* key : {"agents", "insecure"}) {
      PACELINE_RETURN_IF_ERROR(RefuseUseless(
          parsed, key, "it is for a run with --listen, and this is none"));
    }
  }
  if (!flags.coordinator.empty()) {
    for (const char* key : {"workers", "max-rss", "max-fds", "max-age"}) {
      PACELINE_RETURN_IF_ERROR(RefuseUseless(
          parsed, key,
          absl::StrCat("it is for workers here, and with --coordinator ",
                       flags.coordinator, " each agent has its own")));
    }
  } else {
    PACELINE_RETURN_IF_ERROR(RefuseUseless(
        parsed, "detach",
        "a run without --coordinator is here, and ends with this program"));
    flags.options.detach = false;
  }
  return absl::OkStatus();
}

// Of "NAME=VALUE".
EnvEdit EditOf(const std::string& variable) {
  const std::size_t equals = variable.find('=');
  return {variable.substr(0, equals), variable.substr(equals + 1)};
}

std::uint64_t RandomSeed() {
  std::random_device device;
  // GoogleTest's seeds end at 99,999, and a short one is easier to copy.
  return device() % 99'999 + 1;
}

}  // namespace

namespace {

OptionSet OptionSetOf(absl::string_view what, RunFlags* flags) {
  OptionSet set(
      "run",
      absl::StrCat(what,
                   "\n\nA TARGET is a CTest build directory, a GoogleTest "
                   "program, or a file, folder or node id of Python tests; "
                   "behind -- are its arguments, or without a target the "
                   "command to run as one test."));
  set.AllowPositionals("TARGET", "What to run", "ARGUMENTS");
  AddSelection(flags, set);
  AddCtest(flags, set);
  AddPython(flags, set);
  AddPlace(flags, set);
  AddPolicy(flags, set);
  AddReports(flags, set);
  return set;
}

}  // namespace

OptionSet RunOptionSet(RunFlags* flags) {
  return OptionSetOf("Runs tests here, or on the agents of a coordinator.",
                     flags);
}

OptionSet ListOptionSet(RunFlags* flags) {
  return OptionSetOf("Shows what would run with the same arguments.", flags);
}

absl::Status CompleteRunFlags(const OptionSet::Parsed& parsed,
                              std::vector<std::string> environment,
                              RunFlags& flags) {
  flags.named.paths = parsed.positionals;
  flags.named.arguments = parsed.after_dashes;
  PACELINE_RETURN_IF_ERROR(CheckPlace(parsed, flags));
  if (!flags.listen.empty() && !IsLocal(flags.listen) && !flags.insecure) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen ", flags.listen,
        " is beyond this machine, and there are no keys yet: whoever reaches "
        "the port can run programs on your agents. Say --insecure too if the "
        "network is trusted."));
  }
  if (!flags.junit.empty() && flags.junit == flags.json) {
    return absl::InvalidArgumentError(
        absl::StrCat("--junit and --json both name ", flags.junit,
                     ": two reports in one place would destroy each other"));
  }
  if (!flags.resource_spec_file.empty()) {
    flags.discovery.ctest_resources = true;
    PACELINE_ASSIGN_OR_RETURN(flags.options.resources,
                              ReadResourceSpec(flags.resource_spec_file));
  }
  if (flags.shuffle) {
    flags.seed = flags.seed.value_or(RandomSeed());
    flags.options.keep_order = true;
    flags.discovery.gtest_shuffle = true;
    flags.discovery.gtest_seed =
        static_cast<std::uint32_t>((*flags.seed - 1) % 99'999 + 1);
  } else {
    flags.seed.reset();
  }
  flags.discovery.partial = !flags.filter.names.empty() ||
                            !flags.filter.labels.empty() ||
                            flags.shard.count > 1;
  flags.discovery.env = std::move(environment);
  flags.discovery.named_env = flags.pass_env;
  std::vector<EnvEdit> edits;
  for (const std::string& variable : flags.env) {
    edits.push_back(EditOf(variable));
    flags.discovery.named_env.push_back(edits.back().name);
  }
  // A program may need them even to list its tests.
  ApplyEdits(edits, flags.discovery.env);
  std::vector<std::string> titles = flags.named.paths;
  if (titles.empty() && flags.named.arguments.has_value()) {
    titles = *flags.named.arguments;
  }
  flags.options.title = absl::StrJoin(titles, " ");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReserveTerminal(RunFlags& flags) {
  if (!flags.coordinator.empty() || !flags.listen.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "-s, --pdb and --trace give this terminal to the tests, and with ",
        flags.coordinator.empty() ? "--listen" : "--coordinator",
        " these may run on other machines: leave one or the other out"));
  }
  const bool fewer = flags.workers.value_or(1) > 1;
  flags.workers = 1;
  return fewer ? "one worker, not more: it has the terminal" : "";
}

std::string SelectionText(const RunFlags& flags) {
  std::vector<std::string> parts;
  for (const NameFilter& filter : flags.filter.names) {
    parts.push_back(absl::StrCat("--filter ", filter.Describe()));
  }
  for (const std::string& text : flags.label_texts) {
    parts.push_back(absl::StrCat("--label ", text));
  }
  parts.insert(parts.end(), flags.discovery.ctest_selection.begin(),
               flags.discovery.ctest_selection.end());
  parts.insert(parts.end(), flags.discovery.python.arguments.begin(),
               flags.discovery.python.arguments.end());
  const std::vector<std::string> arguments =
      flags.named.arguments.value_or(std::vector<std::string>());
  parts.insert(parts.end(), arguments.begin(), arguments.end());
  return parts.empty()
             ? "there is none"
             : absl::StrCat("none matches ", absl::StrJoin(parts, " "));
}

SelectionOptions MakeSelectionOptions(const RunFlags& flags) {
  SelectionOptions options;
  options.filter = flags.filter;
  options.shard = flags.shard;
  options.repeat = flags.repeat;
  options.shuffle_seed = flags.seed;
  for (const std::string& name : flags.pass_env) {
    const std::string prefix = absl::StrCat(name, "=");
    for (const std::string& variable : flags.discovery.env) {
      if (absl::StartsWith(variable, prefix)) {
        options.env.push_back({name, variable.substr(prefix.size())});
      }
    }
  }
  for (const std::string& variable : flags.env) {
    options.env.push_back(EditOf(variable));
  }
  return options;
}

}  // namespace paceline
