// The loop around a RunClient: its socket, what discovery finds, signals and
// the clock.

#ifndef PACELINE_CLI_CLIENT_LOOP_H_
#define PACELINE_CLI_CLIENT_LOOP_H_

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/discovery_feed.h"
#include "cli/run_client.h"
#include "cli/run_observer.h"
#include "cli/signals.h"
#include "common/base/clock.h"
#include "common/net/sockets.h"

namespace paceline {

class ClientLoop final : private ClientEffects {
 public:
  // All that is referred to outlives it. Returns what dialling returns.
  static absl::StatusOr<std::unique_ptr<ClientLoop>> Create(
      NetContext& context, std::string endpoint, const Clock& clock,
      SignalInput& signals);

  // Where discovery puts what it finds.
  DiscoveryFeed& feed() { return feed_; }

  // Has the run end at once, for the reason in `sentence`. Safe from any
  // thread.
  void GiveUp(std::string sentence);

  struct Result {
    RunEnd end;
    DiscoveryOver discovery;
    bool interrupted = false;
  };
  // Runs to the end of the run, of which `observer` is not told. The first
  // signal cancels it; at the second,
  // `leave_now` is called and is not expected to return. A SIGINT does neither
  // that `is_debuggers` says is. A detached run that was handed over is left
  // alone by all signals but SIGINT: this returns, and it goes on.
  Result Run(RunClientOptions options, RunObserver& observer,
             const std::function<bool()>& is_debuggers,
             const std::function<void()>& leave_now);

 private:
  ClientLoop(NetContext& context, std::string endpoint, const Clock& clock,
             SignalInput& signals);

  void Send(Message message) override;
  void Reconnect() override;

  void TakeFound(Instant now, RunClient& client, RunObserver& observer);
  void TakeMessages(RunClient& client);

  NetContext& context_;
  const std::string endpoint_;
  const Clock& clock_;
  SignalInput& signals_;
  NetPoller poller_;
  std::unique_ptr<DealerSocket> socket_;
  DiscoveryFeed feed_;
  // Taken from the feed, not handed over yet.
  std::deque<Found> found_;
  DiscoveryOver discovery_;
  std::mutex given_up_mutex_;
  std::string given_up_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_CLIENT_LOOP_H_
