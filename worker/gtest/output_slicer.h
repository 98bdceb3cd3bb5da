// A test program's output, cut into what each case printed.
//
// Standard output and error come through one pipe, and the only thing in it
// that says where a case begins is the line that GoogleTest's own printer
// writes there, which any test can write too. So lines are looked for only
// where the stream says a case begins, in the order in which GoogleTest writes
// them: the end line of the case before, then the run line of this one. A
// printer that writes no such lines costs exactness (output may be shown with
// the case before), never a verdict.
//
// GoogleTest's own lines are left out.

#ifndef PACELINE_WORKER_GTEST_OUTPUT_SLICER_H_
#define PACELINE_WORKER_GTEST_OUTPUT_SLICER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/model/result.h"
#include "worker/lib/output_capture.h"

namespace paceline {

// What the printer's line at the end of a case said. None where there is no
// such line, or where it cannot be told from what tests printed.
enum class EndLine { kNone, kPassed, kSkipped, kFailed };

struct CaseOutput {
  CapturedOutput output;
  EndLine end_line = EndLine::kNone;
};

class OutputSlicer {
 public:
  // No more than this may be in flight between the program and Append, or a
  // line may be missed.
  static constexpr std::size_t kMaxInFlight = std::size_t{256} << 10;

  // `limit` is the output kept for each case.
  explicit OutputSlicer(std::uint64_t limit);

  // Takes bytes as they come. All that the program printed before it sent an
  // event is appended before the methods below are called for that event.
  void Append(absl::string_view bytes);

  // The case `name` began. Returns the output of the case before, if it was
  // not ended yet.
  std::optional<CaseOutput> BeginCase(absl::string_view name);

  // Whether the end line of the current case is there.
  bool HasEndLine() const;

  // Ends the current case at its end line; where there is none, with all that
  // is there. Requires that there is a current case.
  CaseOutput EndCase();
  bool in_case() const { return in_case_; }

  // How the printer worded a part result that was just reported for
  // `file`:`line`.
  enum class PartWord { kNone, kSkipped, kFailure };
  PartWord FindPart(absl::string_view file, std::uint32_t line) const;

  // The start of what was printed outside of cases since TakeOutside.
  absl::string_view Outside();
  std::string TakeOutside();
  // The end of it, where it was too long to keep.
  absl::string_view OutsideTail() const { return outside_tail_; }

 private:
  struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;
    EndLine word = EndLine::kNone;
  };

  absl::string_view pending() const {
    return absl::string_view(buffer_).substr(read_);
  }
  // Where the case `name` begins: all lines that may say so, of which the
  // first is believed.
  std::vector<Line> FindRunLines(absl::string_view name) const;
  // The end line of the current case with its name at `at` of `text`.
  std::optional<Line> EndLineAt(absl::string_view text, std::size_t at) const;
  std::optional<Line> FindFirstEndLine(absl::string_view text) const;
  std::optional<Line> FindLastEndLine(absl::string_view text) const;
  // Whether end lines in `text` say both that it failed and was skipped.
  bool IsContradictory(absl::string_view text) const;
  CaseOutput Close(absl::string_view text);
  void AppendOutside(absl::string_view text);
  void Drop(std::size_t count);

  std::string buffer_;
  // Where the part of buffer_ that is not sliced yet begins.
  std::size_t read_ = 0;
  bool in_case_ = false;
  std::string name_;
  OutputCapture capture_;
  std::string outside_;
  std::string outside_tail_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_OUTPUT_SLICER_H_
