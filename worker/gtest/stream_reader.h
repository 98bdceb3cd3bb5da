// GoogleTest's result stream (--gtest_stream_result_to), bytes to events.
//
// The one live source of a program's progress. A line an event:
// "event=TestStart&name=Adds". Names go to the end of their line as they are;
// the fields of part results are URL-encoded. The bytes come from somebody
// else's process: lines are bounded, and what is no event is skipped.

#ifndef PACELINE_WORKER_GTEST_STREAM_READER_H_
#define PACELINE_WORKER_GTEST_STREAM_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace paceline {

struct StreamEvent {
  enum class Kind {
    kVersion,  // the stream's first line
    kProgramStart,
    kProgramEnd,
    kIterationStart,
    kIterationEnd,
    kSuiteStart,
    kSuiteEnd,
    kTestStart,
    kTestEnd,
    kPartResult,
  };

  Kind kind = Kind::kVersion;
  // Of a suite or a case, in their starts.
  std::string name;
  // In ends. Skipped is not passed, as far as the stream knows.
  bool passed = false;
  // In ends; GoogleTest counts milliseconds.
  Duration elapsed{};
  // In part results, which may be failures, skips or successes.
  std::string file;
  std::uint32_t line = 0;
  std::string message;
};

class StreamReader {
 public:
  // A longer line keeps its start.
  static constexpr std::size_t kMaxLine = std::size_t{1} << 20;

  // Takes bytes as they come and hands on the events that are whole.
  void Append(absl::string_view bytes,
              const std::function<void(StreamEvent)>& on_event);

 private:
  std::string line_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_STREAM_READER_H_
