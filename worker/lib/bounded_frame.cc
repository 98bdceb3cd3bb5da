#include "worker/lib/bounded_frame.h"

#include <algorithm>
#include <variant>

#include "common/wire/text.h"
#include "worker/lib/output_capture.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

constexpr std::size_t kFrameHeader = 4;
// What is left of one result's output when its frame was too long. All else of
// a result has smaller bounds.
constexpr std::uint64_t kShortOutput = 64 * 1024;

// A name that an agent takes.
void Mend(std::string& name) {
  name = CutText(name, kMaxWorkerName);
  std::replace(name.begin(), name.end(), '\0', '?');
  if (name.empty()) {
    name = "(without a name)";
  }
}

void Shorten(CapturedOutput& output) {
  OutputCapture capture(kShortOutput);
  capture.Append(output.head);
  capture.Append(output.tail);
  if (capture.total_bytes() > kShortOutput) {
    const std::uint64_t cut_before = output.cut_bytes;
    output = capture.Take();
    output.cut_bytes += cut_before;
  }
}

}  // namespace

void AppendBoundedFrame(FromWorker message, std::string& frames) {
  CutParts(message);
  TestResult* result = nullptr;
  if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    result = &finished->result;
  } else if (auto* extra = std::get_if<WorkerExtra>(&message)) {
    Mend(extra->extra.name);
    result = &extra->extra.result;
  }
  const std::size_t start = frames.size();
  AppendFrame(message, frames);
  if (result != nullptr &&
      frames.size() - start - kFrameHeader > kMaxWorkerFrame) {
    frames.resize(start);
    Shorten(result->output);
    AppendFrame(message, frames);
  }
}

}  // namespace paceline
