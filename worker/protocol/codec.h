// Worker protocol messages to frames and back, bounded.

#ifndef PACELINE_WORKER_PROTOCOL_CODEC_H_
#define PACELINE_WORKER_PROTOCOL_CODEC_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/protocol/messages.h"

namespace paceline {

// Appends the whole frame, length included, to `frames`.
void AppendFrame(const FromWorker& message, std::string& frames);
void AppendFrame(const ToWorker& message, std::string& frames);

// Cuts the properties and reports of results to what an agent takes of them.
// DecodeFromWorker does this too.
void CutParts(FromWorker& message);

// Decode the map inside a frame. Return kInvalidArgument, naming the field,
// for anything else; kUnimplemented for an unknown type.
absl::StatusOr<FromWorker> DecodeFromWorker(absl::string_view map);
absl::StatusOr<ToWorker> DecodeToWorker(absl::string_view map);

// Cuts a byte stream into frames.
class FrameReader {
 public:
  // Takes bytes as they come.
  void Append(absl::string_view bytes);
  // The next whole frame's map, valid until the next call of either method;
  // nothing when more bytes are needed. Returns kInvalidArgument when a length
  // is over kMaxWorkerFrame or zero: the stream is then of no use any more.
  absl::StatusOr<std::optional<absl::string_view>> Next();

 private:
  std::string buffer_;
  std::size_t read_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_PROTOCOL_CODEC_H_
