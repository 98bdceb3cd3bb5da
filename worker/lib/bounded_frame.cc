#include "worker/lib/bounded_frame.h"

#include <utility>
#include <variant>

#include "worker/lib/output_capture.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

constexpr std::size_t kFrameHeader = 4;
// What is left of one result's output when its frame was too long.
constexpr std::uint64_t kShortOutput = 64 * 1024;

bool Fits(const FromWorker& message, std::string& frames) {
  const std::size_t start = frames.size();
  AppendFrame(message, frames);
  if (frames.size() - start - kFrameHeader <= kMaxWorkerFrame) {
    return true;
  }
  frames.resize(start);
  return false;
}

template <typename Change>
void ForEachResult(FromWorker& message, const Change& change) {
  if (auto* finished = std::get_if<WorkerTestFinished>(&message)) {
    change(finished->result);
  } else if (auto* unit = std::get_if<WorkerUnitFinished>(&message)) {
    for (ExtraResult& extra : unit->extras) {
      change(extra.result);
    }
  } else if (auto* extra = std::get_if<WorkerExtra>(&message)) {
    change(extra->extra.result);
  }
}

// Stands for properties that are too long to send.
TestProperties CutMark(const TestProperties& properties) {
  return {{"paceline.properties_cut", std::to_string(properties.size())}};
}

void ShortenOutput(TestResult& result) {
  CapturedOutput& output = result.output;
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
  if (Fits(message, frames)) {
    return;
  }
  if (auto* late = std::get_if<WorkerProperties>(&message)) {
    late->properties = CutMark(late->properties);
  }
  ForEachResult(message, ShortenOutput);
  if (Fits(message, frames)) {
    return;
  }
  ForEachResult(message, [](TestResult& result) {
    result.output = {};
    result.details = "(too long to report)";
    result.properties = CutMark(result.properties);
  });
  if (Fits(message, frames)) {
    return;
  }
  // Only a unit's extra failures, thousands of bytes each, get here. One that
  // stands for all keeps the run from being green.
  if (auto* unit = std::get_if<WorkerUnitFinished>(&message)) {
    const std::string count = std::to_string(unit->extras.size());
    unit->extras.resize(1);
    unit->extras[0].result.message =
        "one of " + count +
        " failures outside of tests; the others were too "
        "many to report";
    Fits(message, frames);
  }
}

}  // namespace paceline
