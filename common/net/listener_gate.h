// Shuts and opens the door of listening TCP sockets.
//
// zmq_unbind is no way to take no new connections: libzmq's listener owns the
// sessions of those it has accepted, and takes them along (measured with
// 4.3.4). A socket filter that drops all that comes to the listener leaves them
// alone; whoever wants in meanwhile tries again, as TCP does.
//
// The door is shut when descriptors run out, so shutting it must need none:
// the listeners are known from the start.

#ifndef PACELINE_COMMON_NET_LISTENER_GATE_H_
#define PACELINE_COMMON_NET_LISTENER_GATE_H_

#include <vector>

#include "absl/status/status.h"

namespace paceline {

class ListenerGate {
 public:
  // Keeps `listener`, a listening socket that lives as long as this does. What
  // is no TCP socket has no door, and is left out.
  void Add(int listener);

  // Takes no connections until Open, and hangs up on those that wait to be
  // taken: without a descriptor for them the listener would stay readable, and
  // libzmq's thread would spin on it. Returns the error of the first listener
  // for which not all of this could be done, and can be called again;
  // kUnimplemented if there is none with a door.
  absl::Status Shut();
  // Takes connections again. Returns the error of the first listener that
  // could not be opened.
  absl::Status Open();

 private:
  std::vector<int> listeners_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_NET_LISTENER_GATE_H_
