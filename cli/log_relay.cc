#include "cli/log_relay.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/text.h"
#include "common/base/log.h"

namespace paceline {

LogRelay::LogRelay(TextSink sink) : sink_(std::move(sink)) {
  SetLogSink([this](LogLevel, absl::string_view message) {
    const std::lock_guard lock(mutex_);
    absl::StrAppend(&waiting_, PrintableLine(message), "\n");
  });
}

LogRelay::~LogRelay() {
  SetLogSink(nullptr);
  Flush();
}

void LogRelay::OnTick(Instant) { Flush(); }

void LogRelay::Flush() {
  std::string lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(waiting_);
  }
  if (!lines.empty()) {
    sink_(lines);
  }
}

}  // namespace paceline
