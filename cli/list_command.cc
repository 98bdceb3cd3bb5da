// paceline list

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/discovery_thread.h"
#include "cli/exit_code.h"
#include "cli/run_flags.h"
#include "cli/signals.h"
#include "cli/targets.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace paceline {
namespace {

// Writes tests as they are found, under a line for each suite.
class Listing {
 public:
  explicit Listing(bool verbose) : verbose_(verbose) {}

  void Take(Found found) {
    if (auto* suite = std::get_if<FoundSuite>(&found)) {
      suites_.push_back(absl::StrCat(PrintableLine(suite->spec.name), " (",
                                     suite->spec.runner, ")"));
    } else if (auto* test = std::get_if<TestSpec>(&found)) {
      Print(*test);
    } else if (auto* error = std::get_if<DiscoveryError>(&found)) {
      ++errors_;
      WriteSentence(absl::StrCat(error->target, ": ", error->message));
    } else if (auto* note = std::get_if<DiscoveryNote>(&found)) {
      WriteSentence(note->text);
    } else {
      over_ = std::get<DiscoveryOver>(found);
    }
  }

  int Finish() {
    WriteAll(STDOUT_FILENO,
             absl::StrCat(text_, tests_, tests_ == 1 ? " test" : " tests",
                          " in ", suites_.size(),
                          suites_.size() == 1 ? " suite\n" : " suites\n"));
    RunFacts facts;
    facts.discovery_errors = errors_;
    facts.selected = over_.selected;
    facts.in_shard = over_.in_shard;
    facts.green = true;
    return static_cast<int>(DecideExitCode(facts));
  }

 private:
  void Print(const TestSpec& test) {
    ++tests_;
    const int suite = static_cast<int>(Value(test.suite));
    if (suite != last_suite_) {
      last_suite_ = suite;
      absl::StrAppend(&text_, suites_[Value(test.suite)], "\n");
    }
    absl::StrAppend(&text_, "  ", PrintableLine(test.name));
    if (test.skip_reason.has_value()) {
      absl::StrAppend(&text_, "  [", PrintableLine(*test.skip_reason), "]");
    }
    if (verbose_) {
      if (!test.file.empty()) {
        absl::StrAppend(&text_, "  ", PrintableLine(test.file), ":", test.line);
      }
      for (const std::string& label : test.labels) {
        absl::StrAppend(&text_, "  #", PrintableLine(label));
      }
    }
    text_ += '\n';
    if (text_.size() >= kWriteBytes) {
      WriteAll(STDOUT_FILENO, text_);
      text_.clear();
    }
  }

  static constexpr std::size_t kWriteBytes = 64 * 1024;

  const bool verbose_;
  std::vector<std::string> suites_;
  int last_suite_ = -1;
  std::string text_;
  std::uint64_t tests_ = 0;
  std::uint64_t errors_ = 0;
  DiscoveryOver over_;
};

}  // namespace

int ListCommand(const Invocation& invocation) {
  RunFlags flags;
  auto parsed = ReadSettings(invocation, RunOptionSet(&flags));
  absl::Status status = parsed.status();
  if (status.ok() && parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  if (status.ok()) {
    status = CompleteRunFlags(*parsed, invocation.environment, flags);
  }
  const auto discoverers = AllDiscoverers();
  std::vector<ChosenTarget> targets;
  if (status.ok()) {
    auto chosen = ChooseTargets(flags.named, discoverers);
    status = chosen.status();
    if (chosen.ok()) {
      targets = *std::move(chosen);
    }
  }
  if (status.ok()) {
    status = CheckKeysFit(parsed->given, targets, discoverers);
  }
  std::unique_ptr<SignalInput> signals;
  if (status.ok()) {
    auto opened = SignalInput::Open();
    status = opened.status();
    if (opened.ok()) {
      signals = *std::move(opened);
    }
  }
  if (!status.ok()) {
    WriteSentence(status.message());
    return static_cast<int>(ExitCode::kUsage);
  }
  Listing listing(flags.verbosity == Verbosity::kVerbose);
  // A listing is somebody else's program in a process group of its own: it is
  // ended before we leave.
  bool interrupted = false;
  DiscoverAll(
      flags, targets,
      [&listing](Found found) { listing.Take(std::move(found)); },
      [&] { return interrupted = interrupted || signals->Take().has_value(); });
  if (interrupted) {
    return static_cast<int>(ExitCode::kInterrupted);
  }
  const int code = listing.Finish();
  if (code == static_cast<int>(ExitCode::kNothingSelected)) {
    WriteSentence(absl::StrCat("no test was selected: ", SelectionText(flags)));
  }
  return code;
}

}  // namespace paceline
