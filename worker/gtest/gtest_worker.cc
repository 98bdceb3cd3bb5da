#include "worker/gtest/gtest_worker.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/os/subprocess.h"
#include "common/os/temp_directory.h"
#include "worker/gtest/filter.h"
#include "worker/gtest/program_process.h"
#include "worker/gtest/program_run.h"
#include "worker/gtest/unit_ledger.h"

namespace paceline {
namespace {

// GoogleTest's own range of seeds.
constexpr std::uint32_t kMaxSeed = 100'000;

// A unit while it runs: which process runs what.
class UnitRun {
 public:
  UnitRun(const WorkerSuite& suite, const GtestSuiteOptions& options,
          const WorkerRunUnit& unit, UnitReporter& reporter);

  Duration least_outside_bound{};
  // What was learned of the program, and is of use to later units.
  bool streams = true;
  bool repeats = false;

  absl::Status Run();

 private:
  // Runs one process. `tests` are positions in the unit.
  absl::StatusOr<AfterProgram> RunProgram(const std::vector<std::size_t>& tests,
                                          bool bad_before);
  absl::StatusOr<ProgramCommand> Command(const std::vector<std::size_t>& tests);
  // What has no verdict yet; `and_good` adds what passed or was skipped.
  std::vector<std::size_t> Tests(bool and_good) const;
  Duration OutsideBound(const std::vector<std::size_t>& tests) const;
  bool HasBad() const;
  void AnnounceFirst(const std::vector<std::size_t>& tests);
  void SettleLeft(Outcome outcome, const std::string& message);

  const WorkerSuite& suite_;
  const GtestSuiteOptions& options_;
  const WorkerRunUnit& unit_;
  UnitReporter& reporter_;
  UnitLedger ledger_;
  // Positions in the order in which the program runs them.
  std::vector<std::size_t> order_;
  // By position: listed more than once.
  std::vector<bool> repeated_;
  std::optional<TempDirectory> directory_;
  int processes_ = 0;
};

UnitRun::UnitRun(const WorkerSuite& suite, const GtestSuiteOptions& options,
                 const WorkerRunUnit& unit, UnitReporter& reporter)
    : suite_(suite),
      options_(options),
      unit_(unit),
      reporter_(reporter),
      ledger_(unit.tests, reporter),
      repeated_(unit.tests.size(), false) {
  // The payload is the place in the listing, and '+' if there are others.
  std::vector<std::uint32_t> places(unit.tests.size(), 0);
  for (std::size_t i = 0; i < unit.tests.size(); ++i) {
    absl::string_view payload = unit.tests[i].payload;
    repeated_[i] = absl::ConsumeSuffix(&payload, "+");
    if (!absl::SimpleAtoi(payload, &places[i])) {
      places[i] = 0;
    }
    order_.push_back(i);
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&places](std::size_t a, std::size_t b) {
                     return places[a] < places[b];
                   });
}

absl::Status UnitRun::Run() {
  absl::StatusOr<TempDirectory> directory = TempDirectory::Create();
  if (!directory.ok()) {
    SettleLeft(Outcome::kError, std::string(directory.status().message()));
    return absl::OkStatus();
  }
  directory_.emplace(*std::move(directory));
  while (ledger_.left() > 0 && !reporter_.Terminating() &&
         !reporter_.StopRequested()) {
    absl::StatusOr<AfterProgram> after =
        RunProgram(Tests(/*and_good=*/false), /*bad_before=*/false);
    if (after.ok() && *after == AfterProgram::kWithoutStream) {
      streams = false;
      Log(LogLevel::kInfo,
          absl::StrCat("calls RUN_ALL_TESTS more than once, or cannot stream "
                       "its results; its report is relied on from now on "
                       "program=",
                       suite_.spec.program));
      if (ledger_.left() == 0) {
        break;
      }
      after = RunProgram(Tests(/*and_good=*/true), HasBad());
    }
    if (!after.ok()) {
      SettleLeft(Outcome::kError, std::string(after.status().message()));
    } else if (*after == AfterProgram::kDone) {
      break;
    }
  }
  if (reporter_.Terminating()) {
    return absl::OkStatus();
  }
  // One that was said to run, and then was stopped before it did.
  ledger_.ForgetAnnounced("stopped before it began");
  return absl::OkStatus();
}

absl::StatusOr<AfterProgram> UnitRun::RunProgram(
    const std::vector<std::size_t>& tests, bool bad_before) {
  PACELINE_ASSIGN_OR_RETURN(const ProgramCommand command, Command(tests));
  ProgramRunOptions run_options;
  run_options.suite_name = suite_.spec.name;
  run_options.output_limit = suite_.output_limit;
  run_options.streams = streams;
  run_options.repeats = repeats;
  run_options.repeated = repeated_;
  run_options.bad_before = bad_before;
  ProgramRun run(std::move(run_options), ledger_);
  AnnounceFirst(tests);
  PACELINE_ASSIGN_OR_RETURN(const std::unique_ptr<ProgramProcess> process,
                            ProgramProcess::Start(command));
  const ProgramEnd end = process->Serve(run, reporter_, OutsideBound(tests));
  const AfterProgram after = run.OnEnd(end);
  repeats = repeats || run.repeats();
  return after;
}

absl::StatusOr<ProgramCommand> UnitRun::Command(
    const std::vector<std::size_t>& tests) {
  const SuiteSpec& spec = suite_.spec;
  const std::string base = absl::StrCat(directory_->path(), "/", ++processes_);
  ProgramCommand command;
  command.program = spec.program;
  command.working_directory = spec.working_directory;
  command.streams = streams;
  command.report = base + ".xml";

  std::vector<absl::string_view> names;
  names.reserve(tests.size());
  for (const std::size_t test : tests) {
    names.push_back(ledger_.name(test));
  }
  std::string filter = absl::StrCat("--gtest_filter=", FilterFor(names));
  if (filter.size() > kMaxFilterArgument) {
    const std::string file = base + ".flags";
    std::ofstream out(file, std::ios::binary);
    out << filter << '\n';
    out.close();
    if (!out) {
      return absl::UnavailableError(
          absl::StrCat("cannot write the names of the cases to ", file,
                       "; is the disk full?"));
    }
    filter = "--gtest_flagfile=" + file;
  }

  // The user's first: of two values for one flag GoogleTest takes the last.
  command.argv = {spec.program};
  command.argv.insert(command.argv.end(), spec.arguments.begin(),
                      spec.arguments.end());
  command.argv.push_back(std::move(filter));
  command.argv.push_back("--gtest_output=xml:" + command.report);
  command.argv.emplace_back("--gtest_color=no");
  if (std::any_of(spec.arguments.begin(), spec.arguments.end(),
                  [](const std::string& argument) {
                    return absl::StartsWith(argument, "--gtest_brief");
                  })) {
    command.argv.emplace_back("--gtest_brief=0");
  }
  if (options_.also_run_disabled) {
    command.argv.emplace_back("--gtest_also_run_disabled_tests");
  }
  if (options_.shuffle_seed.has_value()) {
    command.argv.emplace_back("--gtest_shuffle");
    command.argv.push_back(absl::StrCat("--gtest_random_seed=",
                                        *options_.shuffle_seed % kMaxSeed));
  }

  command.env = CurrentEnvironment();
  ApplyEdits(spec.env, command.env);
  std::vector<EnvEdit> own = {
      {"PACELINE_WORKER_FD", std::nullopt},
      // These choose cases, as we do: what is left of ours would be run.
      // Whoever let them through meant them for the listing at most.
      {"GTEST_TOTAL_SHARDS", std::nullopt},
      {"GTEST_SHARD_INDEX", std::nullopt},
      {"GTEST_SHARD_STATUS_FILE", std::nullopt},
      {"GTEST_FILTER", std::nullopt},
      {"TEST_PREMATURE_EXIT_FILE", base + ".premature"},
  };
  if (getenv("TEST_TMPDIR") == nullptr && !unit_.temp_dir.empty()) {
    own.push_back({"TEST_TMPDIR", unit_.temp_dir});
  }
  ApplyEdits(own, command.env);
  for (const std::size_t test : tests) {
    ApplyEdits(unit_.tests[test].env, command.env);
  }
  return command;
}

std::vector<std::size_t> UnitRun::Tests(bool and_good) const {
  std::vector<std::size_t> tests;
  for (const std::size_t test : order_) {
    if (!ledger_.settled(test) || (and_good && IsGood(ledger_.outcome(test)))) {
      tests.push_back(test);
    }
  }
  return tests;
}

// What static initialisation, set-ups and tear-downs may take between two
// cases: as long as one of them, but a short limit for cases is not meant for
// what they share. Zero: for ever.
Duration UnitRun::OutsideBound(const std::vector<std::size_t>& tests) const {
  Duration longest{};
  for (const std::size_t test : tests) {
    longest = std::max(longest, unit_.tests[test].timeout);
  }
  return longest > Duration::zero() ? std::max(longest, least_outside_bound)
                                    : longest;
}

bool UnitRun::HasBad() const {
  return std::any_of(order_.begin(), order_.end(), [this](std::size_t test) {
    return ledger_.settled(test) && !IsGood(ledger_.outcome(test));
  });
}

// Before the program starts, so that one that ends this worker at once is
// charged to it. In a shuffled program nobody knows which is the first.
void UnitRun::AnnounceFirst(const std::vector<std::size_t>& tests) {
  std::optional<std::size_t> first;
  Duration sum{};
  for (const std::size_t test : tests) {
    if (!ledger_.settled(test)) {
      first = first.has_value() ? first : test;
      // Saturating: a test without a limit may state a huge one.
      sum +=
          std::min<Duration>(unit_.tests[test].timeout, std::chrono::hours(24));
    }
  }
  const bool shuffled =
      options_.shuffle_seed.has_value() ||
      std::any_of(suite_.spec.arguments.begin(), suite_.spec.arguments.end(),
                  [](const std::string& argument) {
                    return absl::StartsWith(argument, "--gtest_shuffle");
                  });
  // Without a stream nothing is heard of the others before the program's end.
  const Duration bound = streams ? OutsideBound(tests) : sum;
  // Ours first, and then the agent's, which does not know what hangs.
  ledger_.set_outside_bound(bound > Duration::zero()
                                ? bound + 3 * reporter_.term_grace()
                                : Duration::zero());
  if (first.has_value() && !(streams && shuffled)) {
    ledger_.Expect(*first);
  }
}

void UnitRun::SettleLeft(Outcome outcome, const std::string& message) {
  for (const std::size_t test : order_) {
    if (!ledger_.settled(test)) {
      TestResult result;
      result.outcome = outcome;
      result.message = message;
      ledger_.Settle(test, std::move(result));
    }
  }
}

bool Repeats(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& argument) {
                       return absl::StartsWith(argument, "--gtest_repeat=") &&
                              argument != "--gtest_repeat=1";
                     });
}

}  // namespace

absl::Status GtestRunner::Open(const WorkerSuite& suite) {
  PACELINE_ASSIGN_OR_RETURN(options_,
                            ParseGtestSuiteOptions(suite.spec.options));
  if (access(suite.spec.program.c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot run the test program ", suite.spec.program,
                            " on this host"));
  }
  suite_ = suite;
  repeats_ = Repeats(suite.spec.arguments);
  return absl::OkStatus();
}

absl::Status GtestRunner::RunUnit(const WorkerRunUnit& unit,
                                  UnitReporter& reporter) {
  UnitRun run(suite_, options_, unit, reporter);
  run.least_outside_bound = least_outside_bound_;
  run.streams = streams_;
  run.repeats = repeats_;
  const absl::Status status = run.Run();
  streams_ = run.streams;
  repeats_ = run.repeats;
  return status;
}

int RunGtestWorker() {
  GtestRunner runner;
  return RunWorker(runner);
}

}  // namespace paceline
