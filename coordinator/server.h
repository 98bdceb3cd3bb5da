// The coordinator's shell: a thread that owns the ROUTER socket and the clock
// around the pure state machine (coordinator/coordinator.h).

#ifndef PACELINE_COORDINATOR_SERVER_H_
#define PACELINE_COORDINATOR_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/sockets.h"

namespace paceline {

struct ServerOptions {
  std::vector<std::string> endpoints;
  // Whether addresses beyond this machine may be listened on without keys.
  bool insecure = false;
  // An agent silent for this long is lost.
  Duration lost_after = std::chrono::seconds(30);
  Duration beat_interval = std::chrono::seconds(1);
  // A program that is nothing but a coordinator: takes as many descriptors as
  // the system lets it have, and new connections while enough are left.
  bool own_process = false;
  // Where the epoch is kept; empty: nowhere, and the clock has to do.
  std::string epoch_file;
};

class Server {
 public:
  // Binds and starts the thread. Returns kPermissionDenied for an address
  // beyond this machine without `insecure`; kUnavailable for one in use.
  static absl::StatusOr<std::unique_ptr<Server>> Start(NetContext& context,
                                                       ServerOptions options);
  // Stops the thread; peers are told.
  ~Server();

  // The endpoints really bound.
  const std::vector<std::string>& endpoints() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_SERVER_H_
