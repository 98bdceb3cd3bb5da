#include "cli/service_flags.h"

#include "absl/strings/str_cat.h"
#include "cli/take.h"
#include "common/base/status_macros.h"
#include "common/config/quantity.h"
#include "common/model/recycle_reason.h"
#include "common/net/endpoint.h"
#include "common/wire/messages.h"
#include "worker/protocol/messages.h"

namespace paceline {
namespace {

Option LogLevelOption() {
  return {.key = "log-level",
          .value = "LEVEL",
          .help = "debug, info, warning or error (info)",
          .take = TakeLogLevel()};
}

// A result's frame holds no more (docs/worker-protocol.md).
absl::StatusOr<std::uint64_t> ParseOutputLimit(const std::string& text) {
  absl::StatusOr<std::uint64_t> bytes = ParseBytes(text);
  if (bytes.ok() && *bytes > kMaxOutputLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat("at most ", FormatBytes(kMaxOutputLimit),
                     " of a test's output are kept"));
  }
  return bytes;
}

absl::Status TakeDurability(const std::string& text, Durability& durability) {
  if (text != "process" && text != "full") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is neither process nor full"));
  }
  durability = text == "full" ? Durability::kFull : Durability::kProcess;
  return absl::OkStatus();
}

}  // namespace

OptionSet CoordinatorOptionSet(CoordinatorFlags* flags) {
  OptionSet set("coordinator",
                "Hands the tests of runs out to agents, until it is stopped.");
  set.Add({.key = "listen",
           .kind = SettingKind::kList,
           .value = "ENDPOINT",
           .help = "tcp://HOST:PORT or ipc://PATH; repeat for more "
                   "(tcp://127.0.0.1:7878)",
           .take = [flags](const std::string& text) {
             flags->listen.push_back(text);
             return ValidateEndpoint(text, /*listening=*/true);
           }});
  set.Add({.key = "insecure",
           .kind = SettingKind::kSwitch,
           .help = "Listen beyond this machine, without keys",
           .take = TakeSwitch(&flags->insecure)});
  set.Add({.key = "lost-after",
           .value = "TIME",
           .help = "An agent that is silent so long is lost (30s)",
           .take = TakeDuration(&flags->lost_after)});
  set.Add({.key = "journal",
           .value = "FILE",
           .help = "Keep runs in FILE: started again, the coordinator goes on "
                   "with them (default: they end with it)",
           .take = [flags](const std::string& text) -> absl::Status {
             flags->journal = text;
             return text.empty() ? absl::InvalidArgumentError(
                                       "names no file; leave it out to keep "
                                       "no journal")
                                 : absl::OkStatus();
           }});
  set.Add({.key = "durability",
           .value = "LEVEL",
           .help = "What the journal survives: process, the coordinator's "
                   "death; full, power loss too (process)",
           .take = [flags](const std::string& text) {
             return TakeDurability(text, flags->durability);
           }});
  set.Add({.key = "keep-runs",
           .value = "N",
           .help = "Of runs that are over, keep the newest N (50)",
           .take = TakeCount(&flags->keep.runs)});
  set.Add({.key = "keep-bytes",
           .value = "SIZE",
           .help = "And fewer where the journal is larger than SIZE (2GiB)",
           .take = TakeParsed(&flags->keep.bytes, ParseBytes)});
  set.Add(LogLevelOption());
  return set;
}

absl::Status CompleteCoordinatorFlags(const OptionSet::Parsed& parsed,
                                      const CoordinatorFlags& flags) {
  if (flags.journal.empty()) {
    for (const char* key : {"durability", "keep-runs", "keep-bytes"}) {
      PACELINE_RETURN_IF_ERROR(RefuseUseless(
          parsed, key, "it is of a journal, and --journal names none"));
    }
  }
  return absl::OkStatus();
}

OptionSet AgentOptionSet(AgentFlags* flags) {
  OptionSet set("agent",
                "Runs tests on this host for a coordinator, until it is "
                "stopped. SIGTERM drains it.");
  set.Add({.key = "connect",
           .also = {"--coordinator"},
           .value = "ENDPOINT",
           .help = "Where the coordinator listens",
           .take = TakeEndpoint(&flags->connect, false)});
  set.Add({.key = "name",
           .value = "NAME",
           .help = "Unique among the agents (default: the host's name)",
           .take = [flags](const std::string& text) {
             flags->name = text;
             return CheckLabel(text);
           }});
  set.Add({.key = "workers",
           .also = {"-j"},
           .value = "N",
           .help = "So many workers (default: the CPUs)",
           .take = TakePositive(&flags->workers, kMaxSlots)});
  set.Add({.key = "label",
           .kind = SettingKind::kList,
           .value = "TEXT",
           .help = "What this host is, for people; repeat for more",
           .take = [flags](const std::string& text) {
             flags->labels.push_back(text);
             return CheckLabel(text);
           }});
  AddLimits(&flags->limits, set);
  set.Add(
      {.key = "output-limit",
       .value = "SIZE",
       .help = "Of a test's output, its first and last part are kept (1MiB)",
       .take = TakeParsed(&flags->output_limit, ParseOutputLimit)});
  set.Add({.key = "kill-grace",
           .value = "TIME",
           .help = "From SIGTERM to SIGKILL (3s)",
           .take = TakeDuration(&flags->kill_grace)});
  set.Add({.key = "slow-warning",
           .value = "TIME",
           .help = "Say so when a test runs so long (60s)",
           .take = TakeDuration(&flags->slow_warning)});
  set.Add({.key = "drain-timeout",
           .value = "TIME",
           .help = "What still runs then is given back (8s)",
           .take = TakeDuration(&flags->drain_timeout)});
  set.Add({.key = "name-patience",
           .value = "TIME",
           .help = "Leave when another agent has the name for so long (1m)",
           .take = TakeDuration(&flags->name_patience)});
  set.Add({.key = "max-recycles-per-minute",
           .value = "N",
           .help = "Replace no more workers than that (120)",
           .take = TakePositive(&flags->max_recycles_per_minute)});
  set.Add({.key = "temp-root",
           .value = "DIR",
           .help = "Where tests' TMPDIRs are made (default: under TMPDIR)",
           .take = TakeText(&flags->temp_root)});
  set.Add(LogLevelOption());
  return set;
}

OptionSet StatusOptionSet(StatusFlags* flags) {
  OptionSet set("status", "Shows a coordinator's agents and runs.");
  set.Add({.key = "coordinator",
           .value = "ENDPOINT",
           .help = "Where it listens",
           .take = TakeEndpoint(&flags->coordinator, false)});
  set.Add({.key = "connect-timeout",
           .value = "TIME",
           .help = "Wait so long for it (10s)",
           .take = TakeDuration(&flags->connect_timeout)});
  return set;
}

}  // namespace paceline
