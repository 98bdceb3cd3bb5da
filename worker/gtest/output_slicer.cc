#include "worker/gtest/output_slicer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxOutside = 64 * 1024;
constexpr std::size_t kOutsideTail = 8 * 1024;

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

std::string RunLine(absl::string_view name) {
  return absl::StrCat("[ RUN      ] ", name, "\n");
}

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

// " 2 FAILED TESTS", "  YOU HAVE 1 DISABLED TEST": the summary's last lines.
bool IsCountLine(absl::string_view line) {
  if (absl::ConsumePrefix(&line, "  YOU HAVE ")) {
    return true;
  }
  if (!absl::ConsumePrefix(&line, " ")) {
    return false;
  }
  const std::size_t digits =
      std::min(line.find_first_not_of("0123456789"), line.size());
  return digits > 0 && absl::StartsWith(line.substr(digits), " FAILED TEST");
}

bool IsPrinterLine(absl::string_view line) {
  return line == "\n" || IsCountLine(line) ||
         std::any_of(std::begin(kPrinterLines), std::end(kPrinterLines),
                     [line](absl::string_view prefix) {
                       return absl::StartsWith(line, prefix);
                     });
}

// Where the printer's list of cases begins that the line at `begin` stands in;
// such lists follow the last case.
std::optional<std::size_t> ListBegin(absl::string_view text,
                                     std::size_t begin) {
  const absl::string_view marker = text.substr(begin, kMarkerLength);
  while (begin > 0) {
    absl::string_view before = text.substr(0, begin - 1);
    const std::size_t newline = before.rfind('\n');
    begin = newline == absl::string_view::npos ? 0 : newline + 1;
    before.remove_prefix(begin);
    if (!absl::StartsWith(before, marker)) {
      return std::nullopt;
    }
    if (absl::EndsWith(before, ", listed below:")) {
      return begin;
    }
  }
  return std::nullopt;
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
  const std::vector<Line> runs = FindRunLines(name);
  const absl::string_view before =
      runs.empty() ? pending() : pending().substr(0, runs.front().begin);
  std::optional<CaseOutput> closed;
  if (in_case_) {
    // Where tests printed run lines too, the true end line may be behind the
    // one that is believed.
    const bool unclear = runs.size() > 1 && IsContradictory(pending().substr(
                                                0, runs.back().begin));
    closed = Close(before);
    if (unclear) {
      closed->end_line = EndLine::kNone;
    }
  } else {
    AppendOutside(before);
  }
  Drop(runs.empty() ? pending().size() : runs.front().end);
  in_case_ = true;
  name_.assign(name.data(), name.size());
  return closed;
}

bool OutputSlicer::HasEndLine() const {
  return in_case_ && FindLastEndLine(pending()).has_value();
}

CaseOutput OutputSlicer::EndCase() {
  PACELINE_CHECK(in_case_);
  std::optional<Line> end;
  // A repeated case may have begun again by now.
  const std::size_t again = pending().find(absl::StrCat("\n", RunLine(name_)));
  if (again != absl::string_view::npos) {
    end = FindLastEndLine(pending().substr(0, again + 1));
  }
  if (!end.has_value()) {
    end = FindLastEndLine(pending());
  }
  const std::size_t size = end.has_value() ? end->end : pending().size();
  CaseOutput output = Close(pending().substr(0, size));
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

absl::string_view OutputSlicer::Outside() {
  if (!in_case_) {
    AppendOutside(pending());
    Drop(pending().size());
  }
  return outside_;
}

std::string OutputSlicer::TakeOutside() {
  Outside();
  outside_tail_.clear();
  return std::exchange(outside_, {});
}

std::vector<OutputSlicer::Line> OutputSlicer::FindRunLines(
    absl::string_view name) const {
  const std::string wanted = RunLine(name);
  const absl::string_view text = pending();
  std::size_t ended = 0;
  if (in_case_) {
    const std::optional<Line> end = FindFirstEndLine(text);
    ended = end.has_value() ? end->end : absl::string_view::npos;
  }
  std::vector<Line> lines;
  // Before the end of the case before: perhaps that one printed it; perhaps
  // its end is missing.
  std::optional<Line> early;
  for (std::size_t at = text.find(wanted); at != absl::string_view::npos;
       at = text.find(wanted, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') {
      continue;
    }
    const Line line{at, at + wanted.size(), EndLine::kNone};
    if (at >= ended) {
      lines.push_back(line);
    } else if (!early.has_value()) {
      early = line;
    }
  }
  if (lines.empty() && early.has_value()) {
    lines.push_back(*early);
  }
  return lines;
}

std::optional<OutputSlicer::Line> OutputSlicer::EndLineAt(
    absl::string_view text, std::size_t at) const {
  const std::size_t after = at + name_.size();
  if (at < kMarkerLength || after >= text.size() ||
      (text[after] != ' ' && text[after] != ',' && text[after] != '\n')) {
    return std::nullopt;
  }
  const std::size_t begin = at - kMarkerLength;
  const absl::string_view before = text.substr(begin, kMarkerLength);
  for (const Marker& marker : kEndMarkers) {
    if (before == marker.text) {
      const std::size_t newline = text.find('\n', after);
      // Without it, the rest of the line is still to come.
      return newline == absl::string_view::npos
                 ? std::nullopt
                 : std::optional<Line>(Line{begin, newline + 1, marker.word});
    }
  }
  return std::nullopt;
}

std::optional<OutputSlicer::Line> OutputSlicer::FindFirstEndLine(
    absl::string_view text) const {
  for (std::size_t at = text.find(name_); at != absl::string_view::npos;
       at = text.find(name_, at + 1)) {
    if (const auto line = EndLineAt(text, at); line.has_value()) {
      return line;
    }
  }
  return std::nullopt;
}

std::optional<OutputSlicer::Line> OutputSlicer::FindLastEndLine(
    absl::string_view text) const {
  // What comes last was printed by GoogleTest; but it names cases that did not
  // pass once more when all have run.
  std::optional<Line> listed;
  std::size_t at = text.rfind(name_);
  while (at != absl::string_view::npos) {
    const auto line = EndLineAt(text, at);
    std::size_t next = at;
    if (line.has_value()) {
      const auto list = ListBegin(text, line->begin);
      if (!list.has_value()) {
        return line;
      }
      listed = line;
      next = *list;
    }
    at = next == 0 ? absl::string_view::npos : text.rfind(name_, next - 1);
  }
  return listed;
}

bool OutputSlicer::IsContradictory(absl::string_view text) const {
  bool skipped = false;
  bool failed = false;
  for (std::size_t at = text.find(name_); at != absl::string_view::npos;
       at = text.find(name_, at + 1)) {
    if (const auto line = EndLineAt(text, at); line.has_value()) {
      skipped |= line->word == EndLine::kSkipped;
      failed |= line->word == EndLine::kFailed;
    }
  }
  return skipped && failed;
}

CaseOutput OutputSlicer::Close(absl::string_view text) {
  CaseOutput closed;
  const std::optional<Line> end = FindLastEndLine(text);
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
  while (!text.empty()) {
    if (outside_.size() >= kMaxOutside) {
      outside_tail_.append(text.data(), text.size());
      if (outside_tail_.size() > kOutsideTail) {
        outside_tail_.erase(0, outside_tail_.size() - kOutsideTail);
      }
      return;
    }
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
