// The program's log: one line an event, `key=value` fields after a sentence.
//
// A thin front of spdlog, so that its headers (seconds to compile) stay out of
// ours. Lines go to stderr; a run on a terminal moves them out of the way of
// its live view with SetLogSink. Never a key, a secret or a value of
// `pass_env` in a line.

#ifndef PACELINE_COMMON_BASE_LOG_H_
#define PACELINE_COMMON_BASE_LOG_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace paceline {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines under `level` are not written. The default is kWarning.
void SetLogLevel(LogLevel level);
// Returns kInvalidArgument unless `name` is debug, info, warning or error.
absl::Status SetLogLevel(absl::string_view name);

bool LogEnabled(LogLevel level);

// Safe from any thread. `message` is one line without its end.
void Log(LogLevel level, absl::string_view message);

// Sends lines (without their end) to `sink` in place of stderr; null restores
// it. `sink` is called on the thread that logs.
void SetLogSink(std::function<void(LogLevel, absl::string_view)> sink);

}  // namespace paceline

#endif  // PACELINE_COMMON_BASE_LOG_H_
