// Shuts and opens the door of this process's listening TCP sockets.
//
// zmq_unbind is no way to take no new connections: libzmq's listener owns the
// sessions of those it has accepted, and takes them along (measured with
// 4.3.4). A socket filter that drops all that comes to the listener leaves them
// alone; whoever wants in meanwhile tries again, as TCP does.

#ifndef PACELINE_COMMON_NET_LISTENER_GATE_H_
#define PACELINE_COMMON_NET_LISTENER_GATE_H_

#include <cstdint>

namespace paceline {

// Sockets of this process that listen on TCP port `port` take connections, or
// take none until they are told otherwise. Returns how many there are.
int SetAccepting(std::uint16_t port, bool accepting);

}  // namespace paceline

#endif  // PACELINE_COMMON_NET_LISTENER_GATE_H_
