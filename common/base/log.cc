#include "common/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kWarning};
std::mutex g_sink_mutex;
std::function<void(LogLevel, absl::string_view)>* g_sink = nullptr;

spdlog::logger& Logger() {
  // Leaked on purpose: threads may log while statics are destroyed.
  static spdlog::logger* logger = [] {
    auto* made = new spdlog::logger(
        "paceline", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

absl::Status SetLogLevel(absl::string_view name) {
  for (const auto& [text, level] : {std::pair{"debug", LogLevel::kDebug},
                                    {"info", LogLevel::kInfo},
                                    {"warning", LogLevel::kWarning},
                                    {"error", LogLevel::kError}}) {
    if (name == text) {
      SetLogLevel(level);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "log level \"", name, "\" is none of debug, info, warning, error"));
}

bool LogEnabled(LogLevel level) { return level >= g_level.load(); }

void Log(LogLevel level, absl::string_view message) {
  if (!LogEnabled(level)) {
    return;
  }
  {
    const std::lock_guard lock(g_sink_mutex);
    if (g_sink != nullptr) {
      (*g_sink)(level, message);
      return;
    }
  }
  Logger().log(ToSpdlog(level), "{}",
               spdlog::string_view_t(message.data(), message.size()));
}

void SetLogSink(std::function<void(LogLevel, absl::string_view)> sink) {
  const std::lock_guard lock(g_sink_mutex);
  delete g_sink;
  g_sink = sink ? new std::function(std::move(sink)) : nullptr;
}

}  // namespace paceline
