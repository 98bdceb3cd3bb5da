#include "worker/gtest/output_slicer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxOutside = 64 * 1024;

struct Marker {
  absl::string_view text;
  EndLine word;
};
// All of one length.
constexpr Marker kEndMarkers[] = {
    {"[       OK ] ", EndLine::kPassed},
    {"[  SKIPPED ] ", EndLine::kSkipped},
    {"[  FAILED  ] ", EndLine::kFailed},
};
constexpr std::size_t kMarkerLength = 13;
// Begins what the printer says between suites, and after the last.
constexpr absl::string_view kScopeLine = "\n[----------] ";

// Lines of GoogleTest's printer that stand between cases.
constexpr absl::string_view kPrinterLines[] = {
    "[       OK ] ",
    "[----------] ",
    "[==========] ",
    "[  PASSED  ] ",
    "[  SKIPPED ] ",
    "[  FAILED  ] ",
    "[ DISABLED ] ",
    "Note: Google Test filter = ",
    "Note: Randomizing tests' orders with a seed of "};

bool IsPrinterLine(absl::string_view line) {
  return line == "\n" ||
         std::any_of(std::begin(kPrinterLines), std::end(kPrinterLines),
                     [line](absl::string_view prefix) {
                       return absl::StartsWith(line, prefix);
                     });
}

}  // namespace

OutputSlicer::OutputSlicer(std::uint64_t limit) : capture_(limit) {}

void OutputSlicer::Append(absl::string_view bytes) {
  buffer_.append(bytes.data(), bytes.size());
  // An end line may be split between what was in flight and what comes next.
  if (pending().size() <= 4 * kMaxInFlight) {
    return;
  }
  const std::size_t surplus = pending().size() - 2 * kMaxInFlight;
  if (in_case_) {
    capture_.Append(pending().substr(0, surplus));
  } else {
    AppendOutside(pending().substr(0, surplus));
  }
  Drop(surplus);
}

std::optional<CaseOutput> OutputSlicer::BeginCase(absl::string_view name) {
  const std::optional<Line> run = FindRunLine(name);
  const absl::string_view before =
      run.has_value() ? pending().substr(0, run->begin) : pending();
  std::optional<CaseOutput> closed;
  if (in_case_) {
    closed = Close(before);
  } else {
    AppendOutside(before);
  }
  Drop(run.has_value() ? run->end : pending().size());
  in_case_ = true;
  name_.assign(name.data(), name.size());
  return closed;
}

bool OutputSlicer::HasEndLine() const {
  return in_case_ && FindEndLine(pending()).has_value();
}

CaseOutput OutputSlicer::EndCase() {
  PACELINE_CHECK(in_case_);
  const std::optional<Line> end = FindEndLine(UpToScopeLine(pending()));
  const std::size_t size = end.has_value() ? end->end : pending().size();
  // Of two that differ the case printed one itself, and who knows which.
  const bool unclear = end.has_value() && end->word != EndLine::kPassed &&
                       FindEndLine(pending())->word != end->word;
  CaseOutput output = Close(pending().substr(0, size));
  if (unclear) {
    output.end_line = EndLine::kNone;
  }
  Drop(size);
  return output;
}

OutputSlicer::PartWord OutputSlicer::FindPart(absl::string_view file,
                                              std::uint32_t line) const {
  const std::string place = absl::StrCat(file, ":", line, ": ");
  PartWord word = PartWord::kNone;
  for (const absl::string_view text :
       {absl::string_view(outside_), pending()}) {
    for (std::size_t at = text.find(place); at != absl::string_view::npos;
         at = text.find(place, at + 1)) {
      const absl::string_view rest = text.substr(at + place.size());
      if (absl::StartsWith(rest, "Failure\n")) {
        return PartWord::kFailure;
      }
      if (absl::StartsWith(rest, "Skipped\n")) {
        word = PartWord::kSkipped;
      }
    }
  }
  return word;
}

std::string OutputSlicer::TakeOutside() {
  if (!in_case_) {
    AppendOutside(pending());
    Drop(pending().size());
  }
  return std::exchange(outside_, {});
}

std::optional<OutputSlicer::Line> OutputSlicer::FindRunLine(
    absl::string_view name) const {
  const std::string wanted = absl::StrCat("[ RUN      ] ", name, "\n");
  const absl::string_view text = pending();
  std::optional<Line> first;
  for (std::size_t at = text.find(wanted); at != absl::string_view::npos;
       at = text.find(wanted, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') {
      continue;
    }
    const Line line{at, at + wanted.size(), EndLine::kNone};
    if (!in_case_ || FindEndLine(text.substr(0, at)).has_value()) {
      return line;
    }
    // Perhaps the case before printed it; perhaps that one's end is missing.
    if (!first.has_value()) {
      first = line;
    }
  }
  return first;
}

absl::string_view OutputSlicer::UpToScopeLine(absl::string_view text) const {
  for (std::size_t at = text.find(name_); at != absl::string_view::npos;
       at = text.find(name_, at + 1)) {
    if (const std::optional<Line> end = EndLineAt(text, at); end.has_value()) {
      const std::size_t scope = text.find(kScopeLine, end->end - 1);
      return scope == absl::string_view::npos ? text
                                              : text.substr(0, scope + 1);
    }
  }
  return text;
}

std::optional<OutputSlicer::Line> OutputSlicer::FindEndLine(
    absl::string_view text) const {
  // Backwards: what comes last was printed by GoogleTest.
  for (std::size_t at = text.rfind(name_); at != absl::string_view::npos;
       at = at == 0 ? absl::string_view::npos : text.rfind(name_, at - 1)) {
    if (const std::optional<Line> end = EndLineAt(text, at); end.has_value()) {
      return end;
    }
  }
  return std::nullopt;
}

std::optional<OutputSlicer::Line> OutputSlicer::EndLineAt(
    absl::string_view text, std::size_t at) const {
  const std::size_t after = at + name_.size();
  if (at < kMarkerLength || after >= text.size() ||
      (text[after] != ' ' && text[after] != ',' && text[after] != '\n')) {
    return std::nullopt;
  }
  const absl::string_view before =
      text.substr(at - kMarkerLength, kMarkerLength);
  for (const Marker& marker : kEndMarkers) {
    if (before == marker.text) {
      const std::size_t end = text.find('\n', after);
      if (end == absl::string_view::npos) {
        break;  // the rest of the line is still to come
      }
      return Line{at - kMarkerLength, end + 1, marker.word};
    }
  }
  return std::nullopt;
}

CaseOutput OutputSlicer::Close(absl::string_view text) {
  CaseOutput closed;
  const std::optional<Line> end = FindEndLine(text);
  if (end.has_value()) {
    closed.end_line = end->word;
    capture_.Append(text.substr(0, end->begin));
    AppendOutside(text.substr(end->end));
  } else {
    capture_.Append(text);
  }
  closed.output = capture_.Take();
  in_case_ = false;
  return closed;
}

void OutputSlicer::AppendOutside(absl::string_view text) {
  while (!text.empty() && outside_.size() < kMaxOutside) {
    const std::size_t end = text.find('\n');
    const absl::string_view line =
        text.substr(0, end == absl::string_view::npos ? end : end + 1);
    if (!IsPrinterLine(line)) {
      outside_.append(line.data(),
                      std::min(line.size(), kMaxOutside - outside_.size()));
    }
    text.remove_prefix(line.size());
  }
}

void OutputSlicer::Drop(std::size_t count) {
  read_ += count;
  // Moving the rest down now and then keeps the cost per byte constant.
  if (read_ == buffer_.size()) {
    buffer_.clear();
    read_ = 0;
  } else if (read_ > kMaxInFlight) {
    buffer_.erase(0, read_);
    read_ = 0;
  }
}

}  // namespace paceline
