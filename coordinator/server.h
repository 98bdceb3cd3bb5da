// The coordinator's shell: a thread that owns the ROUTER socket and the clock
// around the pure state machine (coordinator/coordinator.h).

#ifndef PACELINE_COORDINATOR_SERVER_H_
#define PACELINE_COORDINATOR_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/net/sockets.h"
#include "coordinator/durability.h"

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
  // Where runs are kept, so that they outlive this process; empty: nowhere.
  std::string journal;
  Durability durability = Durability::kProcess;
  JournalKeep keep = {};
  // How long the journal may be impossible to write.
  Duration journal_patience = std::chrono::minutes(5);
  // Without a journal, where the epoch is kept; empty: nowhere, and the clock
  // has to do.
  std::string epoch_file;
  // Called once, on the server's thread, when it cannot go on; it does nothing
  // from then on.
  std::function<void(const absl::Status&)> on_failure = [](const auto&) {};
};

class Server {
 public:
  // Reads the journal, binds, and starts the thread. Returns kPermissionDenied
  // for an address beyond this machine without `insecure`; kUnavailable for one
  // in use; for the journal, what JournalFile::Open says.
  static absl::StatusOr<std::unique_ptr<Server>> Start(NetContext& context,
                                                       ServerOptions options);
  // Stops the thread. Without a journal peers are told; with one they wait for
  // the next life.
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
