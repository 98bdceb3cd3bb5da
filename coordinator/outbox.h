// The coordinator's way out: where its messages go.
//
// The one effect of the coordinator's state machine on the world. The ROUTER's
// shell sends for real; tests and the simulation keep or carry the messages
// themselves.

#ifndef PACELINE_COORDINATOR_OUTBOX_H_
#define PACELINE_COORDINATOR_OUTBOX_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/wire/messages.h"

namespace paceline {

class CoordinatorOutbox {
 public:
  virtual ~CoordinatorOutbox() = default;

  // Hands `message` to the connection named `peer` without waiting, and
  // without calling back into the coordinator.
  //
  // Returns kUnavailable if the peer is gone and kResourceExhausted if its
  // queue is full. Either way nothing was sent, and nothing is lost: what
  // matters is sent again when the peer comes back or has room.
  virtual absl::Status Send(absl::string_view peer, const Message& message) = 0;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_OUTBOX_H_
