// The coordinator's mind: fleet, runs, leases and verdicts.
//
// A pure state machine. Messages of agents and clients, the journal's commits
// and the time come in; messages go out through `CoordinatorOutbox`, records
// through `Journal`. No socket, no clock, no thread and no file is touched
// here: coordinator/server.cc is the shell around it, and the simulation is
// another.

#ifndef PACELINE_COORDINATOR_COORDINATOR_H_
#define PACELINE_COORDINATOR_COORDINATOR_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/wire/messages.h"
#include "coordinator/journal.h"
#include "coordinator/options.h"
#include "coordinator/outbox.h"

namespace paceline {

class Coordinator {
 public:
  // `journal` and `outbox` outlive the coordinator.
  Coordinator(CoordinatorOptions options, Journal* journal,
              CoordinatorOutbox* outbox);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Reads the journal, goes on with what is in it, and raises the epoch.
  // Called once, before anything else.
  //
  // Returns kDataLoss if what the journal keeps cannot be read.
  absl::Status Recover(Instant now);
  // Whether the epoch is kept: nobody may be listened to before.
  bool ready() const;

  // `peer` names a connection, never two in the coordinator's life.
  void OnMessage(Instant now, absl::string_view peer, Message message);
  // Something came from `peer` that is no message of the protocol.
  void OnMalformed(Instant now, absl::string_view peer,
                   const absl::Status& why);
  // The end: agents and clients are told. Returns whether any of them was
  // still connected; then it is said again a little later, until all have hung
  // up or the shell's patience ends.
  bool Shutdown();
  // Once per turn of the shell's loop, after all input, and when the journal's
  // committed() has moved. Nothing is granted, acknowledged or told to a client
  // before.
  void OnTick(Instant now);

  // When OnTick is due if nothing happens before.
  Instant next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_COORDINATOR_H_
