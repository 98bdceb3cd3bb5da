// paceline list

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/discovery_thread.h"
#include "cli/exit_code.h"
#include "cli/list_writer.h"
#include "cli/report_file.h"
#include "cli/run_flags.h"
#include "cli/signals.h"
#include "cli/targets.h"
#include "cli/terminal.h"

namespace paceline {
namespace {

bool WasGiven(const OptionSet::Parsed& parsed, absl::string_view key) {
  return std::any_of(parsed.given.begin(), parsed.given.end(),
                     [key](const auto& flag) { return flag.first == key; });
}

}  // namespace

int ListCommand(const Invocation& invocation) {
  RunFlags flags;
  auto parsed = ReadSettings(invocation, ListOptionSet(&flags));
  absl::Status status = parsed.status();
  if (status.ok() && parsed->help.has_value()) {
    WriteAll(STDOUT_FILENO, *parsed->help);
    return 0;
  }
  if (status.ok()) {
    status = CompleteRunFlags(*parsed, invocation.environment, flags);
  }
  // Not so a variable, which may be meant for the runs beside it.
  if (status.ok() && WasGiven(*parsed, "junit")) {
    status = absl::InvalidArgumentError(
        "--junit has no effect: it is the report of a run, and a list is "
        "written with --json");
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
  std::unique_ptr<ReportFile> json;
  if (!flags.json.empty()) {
    auto opened = ReportFile::Open(flags.json);
    if (!opened.ok()) {
      WriteSentence(opened.status().message());
      return static_cast<int>(ExitCode::kUsage);
    }
    json = *std::move(opened);
  }
  std::unique_ptr<ReportFile> text;
  if (flags.json != "-") {
    auto shared = ReportFile::Open("-");
    if (!shared.ok()) {
      WriteSentence(shared.status().message());
      return static_cast<int>(ExitCode::kInfrastructure);
    }
    text = *std::move(shared);
  }
  const auto sink_of = [](const std::unique_ptr<ReportFile>& file) {
    return file == nullptr
               ? ListWriter::Sink()
               : [&file](absl::string_view lines) { file->AppendLines(lines); };
  };
  const ListWriter::Sink text_sink = sink_of(text);
  const ListWriter::Sink json_sink = sink_of(json);
  ListWriter listing(flags.verbosity == Verbosity::kVerbose, text_sink,
                     json_sink);
  // A listing is somebody else's program in a process group of its own: it is
  // ended before we leave.
  bool interrupted = false;
  DiscoverAll(
      flags, targets,
      [&listing](const Found& found) {
        listing.Take(found);
        if (const auto* error = std::get_if<DiscoveryError>(&found)) {
          WriteSentence(absl::StrCat(error->target, ": ", error->message));
        } else if (const auto* note = std::get_if<DiscoveryNote>(&found)) {
          WriteSentence(note->text);
        }
      },
      [&] { return interrupted = interrupted || signals->Take().has_value(); });
  if (interrupted) {
    return static_cast<int>(ExitCode::kInterrupted);
  }
  listing.Finish();
  RunFacts facts;
  facts.discovery_errors = listing.errors();
  facts.selected = listing.over().selected;
  facts.in_shard = listing.over().in_shard;
  facts.green = true;
  if (json != nullptr && !json->status().ok()) {
    facts.failure = std::string(json->status().message());
  } else if (text != nullptr && !text->status().ok() &&
             !text->reader_gone()) {  // `| head` has read enough
    facts.failure = std::string(text->status().message());
  }
  if (!facts.failure.empty()) {
    WriteSentence(facts.failure);
  }
  const ExitCode code = DecideExitCode(facts);
  if (code == ExitCode::kNothingSelected) {
    WriteSentence(absl::StrCat("no test was selected: ", SelectionText(flags)));
  } else if (listing.tests() == 0 && facts.selected > 0) {
    WriteSentence(absl::StrCat("this shard holds none of the ", facts.selected,
                               " tests that were selected"));
  }
  return static_cast<int>(code);
}

}  // namespace paceline
