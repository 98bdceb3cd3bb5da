// Messages of a collector to frames and back, bounded as those of workers are:
// a collector runs the user's conftest files.

#ifndef PACELINE_WORKER_PYTHON_COLLECTOR_CODEC_H_
#define PACELINE_WORKER_PYTHON_COLLECTOR_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/python/collector_messages.h"

namespace paceline {

// Appends the whole frame, length included.
void AppendFrame(const ToCollector& message, std::string& frames);

// Decodes the map inside a frame (FrameReader cuts them). Returns
// kInvalidArgument, naming the field, or kUnimplemented for an unknown type.
absl::StatusOr<FromCollector> DecodeFromCollector(absl::string_view map);

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_COLLECTOR_CODEC_H_
