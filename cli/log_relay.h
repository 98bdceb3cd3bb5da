// Log lines of other threads, shown between the lines of a view.

#ifndef PACELINE_CLI_LOG_RELAY_H_
#define PACELINE_CLI_LOG_RELAY_H_

#include <mutex>
#include <string>

#include "cli/attempt_text.h"
#include "cli/run_observer.h"

namespace paceline {

// While it lives, log lines wait here and are written at the next tick.
class LogRelay final : public RunObserver {
 public:
  explicit LogRelay(TextSink sink);
  ~LogRelay() override;
  LogRelay(const LogRelay&) = delete;
  LogRelay& operator=(const LogRelay&) = delete;

  void OnTick(Instant now) override;
  void Flush();

 private:
  const TextSink sink_;
  std::mutex mutex_;
  std::string waiting_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_LOG_RELAY_H_
