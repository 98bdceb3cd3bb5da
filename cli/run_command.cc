// paceline run

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/client_loop.h"
#include "cli/commands.h"
#include "cli/discovery_thread.h"
#include "cli/exit_code.h"
#include "cli/json_writer.h"
#include "cli/junit_writer.h"
#include "cli/listeners.h"
#include "cli/live_view.h"
#include "cli/log_relay.h"
#include "cli/output_writer.h"
#include "cli/plain_view.h"
#include "cli/run_flags.h"
#include "cli/run_place.h"
#include "cli/summary.h"
#include "cli/targets.h"
#include "cli/terminal.h"
#include "cli/terminal_lock.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/os/host_name.h"

namespace paceline {
namespace {

int Usage(const absl::Status& status) {
  WriteSentence(status.message());
  return static_cast<int>(ExitCode::kUsage);
}

// The views and reports of one run.
class Observers {
 public:
  // With a `handed_over` terminal they leave it alone while a worker uses it.
  Observers(const RunFlags& flags, const TerminalLock* handed_over,
            Instant start)
      : flags_(flags),
        start_(start),
        // A report has standard output for itself.
        fd_(flags.json == "-" || flags.junit == "-" ? STDERR_FILENO
                                                    : STDOUT_FILENO),
        output_(fd_, handed_over) {
    const bool terminal = IsTerminal(fd_);
    view_options_.verbosity = flags.verbosity;
    view_options_.colour = flags.colour == Colour::kAlways ||
                           (flags.colour == Colour::kAuto && terminal &&
                            std::getenv("NO_COLOR") == nullptr);
    view_options_.fail_on_flaky = flags.options.fail_on_flaky;
    view_options_.fail_on_leak = flags.options.fail_on_leak;
    summary_.emplace(start, view_options_);
    const TextSink write = [this](absl::string_view text) {
      output_.Write(text);
    };
    if (terminal && handed_over == nullptr &&
        flags.verbosity != Verbosity::kQuiet) {
      live_ = std::make_unique<LiveView>(
          start, view_options_, [fd = fd_] { return TerminalSize(fd); }, write);
      relay_ = std::make_unique<LogRelay>(
          [this](absl::string_view lines) { live_->WriteAbove(lines); });
      all_.Add(relay_.get());
      all_.Add(live_.get());
    } else {
      plain_ = std::make_unique<PlainView>(start, view_options_, write);
      all_.Add(plain_.get());
    }
    all_.Add(&*summary_);
  }

  absl::Status OpenReports(const RunId& run) {
    std::unique_ptr<ReportFile> json;
    if (!flags_.json.empty()) {
      PACELINE_ASSIGN_OR_RETURN(json, ReportFile::Open(flags_.json));
    }
    std::unique_ptr<ReportFile> junit;
    if (!flags_.junit.empty()) {
      PACELINE_ASSIGN_OR_RETURN(junit, ReportFile::Open(flags_.junit));
    }
    if (json != nullptr && junit != nullptr && junit->SameAs(*json)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--junit ", flags_.junit, " and --json ", flags_.json,
          " are one file: two reports in one place would destroy each other"));
    }
    if (json != nullptr) {
      json_ = std::make_unique<JsonWriter>(start_, run, flags_.options.title,
                                           std::move(json));
      all_.Add(json_.get());
    }
    if (junit != nullptr) {
      JunitOptions options;
      options.title = flags_.options.title;
      options.host = HostName();
      options.started_unix_ns =
          std::chrono::duration_cast<std::chrono::nanoseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count();
      options.fail_on_flaky = flags_.options.fail_on_flaky;
      options.fail_on_leak = flags_.options.fail_on_leak;
      junit_ = std::make_unique<JunitWriter>(start_, std::move(options),
                                             std::move(junit));
      all_.Add(junit_.get());
    }
    return absl::OkStatus();
  }

  RunObserver& all() { return all_; }
  void Add(RunObserver* observer) { all_.Add(observer); }

  void Print(absl::string_view text) {
    if (live_ != nullptr) {
      live_->WriteAbove(text);
    } else {
      output_.Write(text);
    }
  }

  // Leaves the terminal alone until there is something to print.
  void Clear() {
    if (live_ != nullptr) {
      live_->Clear();
    }
  }

  // Before the process leaves: what is read at once of all that was written.
  void DrainWhatIsRead() { output_.DrainFor(std::chrono::milliseconds(100)); }

  // Prints the summary and says how it ends.
  int Finish(Instant now, RunFacts facts) {
    summary_->AddTo(facts);
    for (const absl::Status& report :
         {json_ != nullptr ? json_->status() : absl::OkStatus(),
          junit_ != nullptr ? junit_->status() : absl::OkStatus()}) {
      if (!report.ok() && facts.failure.empty()) {
        facts.failure = std::string(report.message());
      }
    }
    output_.Write(summary_->Text(facts));
    output_.Drain();
    if (!facts.failure.empty()) {
      WriteSentence(facts.failure);
    }
    if (json_ != nullptr) {
      const bool was_well = json_->status().ok();
      json_->WriteExit(now, static_cast<int>(DecideExitCode(facts)),
                       ExplainExitCode(facts));
      if (was_well && !json_->status().ok()) {
        facts.failure = std::string(json_->status().message());
        WriteSentence(facts.failure);
      }
    }
    return static_cast<int>(DecideExitCode(facts));
  }

 private:
  const RunFlags& flags_;
  const Instant start_;
  const int fd_;
  OutputWriter output_;
  ViewOptions view_options_;
  std::optional<Summary> summary_;
  std::unique_ptr<LiveView> live_;
  std::unique_ptr<LogRelay> relay_;
  std::unique_ptr<PlainView> plain_;
  std::unique_ptr<JsonWriter> json_;
  std::unique_ptr<JunitWriter> junit_;
  ObserverList all_;
};

// Of a run whose tests use the terminal.
struct HandedOver {
  std::unique_ptr<TerminalLock> lock;
  TerminalModes modes;
};

RunClientOptions ClientOptions(const RunFlags& flags, const RunId& run,
                               const RunPlace& place) {
  RunClientOptions options;
  options.run = run;
  options.options = flags.options;
  options.program_version = std::string(ProgramVersion());
  options.host = HostName();
  options.pid = static_cast<std::uint32_t>(getpid());
  options.coordinator = place.endpoint();
  options.min_agents = place.min_agents();
  options.connect_timeout = flags.connect_timeout;
  options.agent_wait = flags.agent_wait;
  return options;
}

}  // namespace

int RunCommand(const Invocation& invocation) {
  const SystemClock clock;
  const Instant start = clock.Now();
  RunFlags flags;
  auto parsed = ReadSettings(invocation, RunOptionSet(&flags));
  if (!parsed.ok()) {
    return Usage(parsed.status());
  }
  if (parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  if (absl::Status complete =
          CompleteRunFlags(*parsed, invocation.environment, flags);
      !complete.ok()) {
    return Usage(complete);
  }
  const auto discoverers = AllDiscoverers();
  const auto targets = ChooseTargets(flags.named, discoverers);
  if (!targets.ok()) {
    return Usage(targets.status());
  }
  if (absl::Status fit = CheckKeysFit(parsed->given, *targets, discoverers);
      !fit.ok()) {
    return Usage(fit);
  }
  std::optional<HandedOver> handed_over;
  std::optional<TerminalHandover> terminal;
  if (std::any_of(targets->begin(), targets->end(),
                  [&flags](const ChosenTarget& target) {
                    return target.discoverer->WantsTerminal(target.target,
                                                            flags.discovery);
                  })) {
    const auto note = ReserveTerminal(flags);
    if (!note.ok()) {
      return Usage(note.status());
    }
    if (!note->empty()) {
      WriteSentence(*note);
    }
    auto lock = TerminalLock::Create();
    if (!lock.ok()) {
      return Usage(lock.status());
    }
    handed_over.emplace().lock = *std::move(lock);
    terminal.emplace().lock = handed_over->lock->path();
    if (flags.json == "-" || flags.junit == "-") {
      terminal->output = STDERR_FILENO;
    }
  }
  auto signals = SignalInput::Open();
  if (!signals.ok()) {
    return Usage(signals.status());
  }
  const auto run = RandomId<RunId>();
  Observers observers(
      flags, handed_over.has_value() ? handed_over->lock.get() : nullptr,
      start);
  if (absl::Status opened = observers.OpenReports(run); !opened.ok()) {
    return Usage(opened);
  }
  if (flags.seed.has_value()) {
    observers.Print(
        absl::StrCat("shuffled with --shuffle=", *flags.seed, "\n"));
  }

  flags.discovery.keep_listeners = true;
  Listeners listeners;
  observers.Add(&listeners);

  NetContext context;
  RunFacts facts;
  RunEnd end;
  {
    auto loop = ClientLoop::Create(context, RunPlace::ClientEndpoint(flags),
                                   clock, **signals);
    if (!loop.ok()) {
      return Usage(loop.status());
    }
    // Looking into targets goes on while the rest is started.
    const DiscoveryThread discovery(flags, *targets, (*loop)->feed(),
                                    listeners);
    const ChosenTarget& first = targets->front();
    auto place = RunPlace::Start(
        context, flags, terminal,
        first.discoverer->ExpectedSuite(first.target, flags.discovery),
        [&loop](std::string sentence) {
          (*loop)->GiveUp(std::move(sentence));
        });
    if (!place.ok()) {
      // Reports end as those of any other run that came to nothing.
      end.failure = std::string(place.status().message());
      observers.all().OnEnded(clock.Now(), end);
      return observers.Finish(clock.Now(), facts);
    }
    ClientLoop::Result result = (*loop)->Run(
        ClientOptions(flags, run, **place), observers.all(),
        [&handed_over] {
          return handed_over.has_value() &&
                 handed_over->lock->LeaveInterruptToDebugger();
        },
        [&observers, &handed_over] {
          observers.Clear();
          observers.DrainWhatIsRead();
          if (handed_over.has_value()) {
            handed_over->modes.Restore();
          }
          // The warden ends what we leave behind.
          _exit(static_cast<int>(ExitCode::kInterrupted));
        });
    facts.interrupted = result.interrupted;
    facts.selected = result.discovery.selected;
    facts.in_shard = result.discovery.in_shard;
    end = std::move(result.end);
  }
  // They may take their time, and what they say decides about the run: reports
  // that were closed before called one good that was not.
  observers.Clear();
  const ResultListener::End last_words =
      listeners.Finish(facts.interrupted, [&] {
        while (const std::optional<std::string> signal = (*signals)->Take()) {
          if (facts.interrupted) {
            return true;
          }
          facts.interrupted = true;
          end.green = false;
          observers.Print(absl::StrCat(
              *signal,
              ": waiting for the end of the tests' session; once more to leave "
              "at once\n"));
        }
        return false;
      });
  observers.Print(last_words.text);
  if (!last_words.error.empty()) {
    end.green = false;
    if (end.failure.empty()) {
      end.failure = last_words.error;
    }
  }
  observers.all().OnEnded(clock.Now(), end);
  // Nothing runs any more: the summary may wait for its reader, and a signal
  // need not wait for the summary. One that has come does not take it away.
  while ((*signals)->Take().has_value()) {
    facts.interrupted = true;
  }
  (*signals)->Release();
  const int code = observers.Finish(clock.Now(), facts);
  if (code == static_cast<int>(ExitCode::kNothingSelected)) {
    WriteSentence(absl::StrCat("no test was selected: ", SelectionText(flags)));
  }
  return code;
}

}  // namespace paceline
