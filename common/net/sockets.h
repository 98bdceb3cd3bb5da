// ROUTER and DEALER with every option that matters set, and nothing thrown.
//
// The one place where ZeroMQ socket options are set and where cppzmq's
// exceptions are caught (zmq.hpp stays in the .cc). A socket belongs to the
// thread that uses it. Sends never block: a full or vanished peer is a status.

#ifndef PACELINE_COMMON_NET_SOCKETS_H_
#define PACELINE_COMMON_NET_SOCKETS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace paceline {

// The process's ZeroMQ context. Shared by all sockets that meet over
// inproc://. Safe from any thread; outlives its sockets.
class NetContext {
 public:
  NetContext();
  ~NetContext();
  NetContext(const NetContext&) = delete;
  NetContext& operator=(const NetContext&) = delete;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A frame that came from a peer. `peer` is the ROUTER's binary name for the
// connection; it changes at every reconnect.
struct Received {
  std::string peer;  // empty at a DEALER
  std::string bytes;
};

// The coordinator's end.
class RouterSocket {
 public:
  // Returns kUnavailable when the address is in use or cannot be bound,
  // kResourceExhausted when no descriptors are left, in a sentence that names
  // it. The file of an ipc:// endpoint goes with the socket.
  static absl::StatusOr<std::unique_ptr<RouterSocket>> Bind(
      NetContext& context, const std::vector<std::string>& endpoints);
  ~RouterSocket();

  // The endpoints really bound: tcp://127.0.0.1:* has its port filled in.
  const std::vector<std::string>& endpoints() const;

  // Sends without blocking. kUnavailable: the peer is gone. kResourceExhausted:
  // its queue is full. `bytes` over kMaxMessageBytes is kInvalidArgument.
  absl::Status Send(absl::string_view peer, std::string bytes);

  // The next message if one is there. Multipart messages of the wrong shape
  // are dropped and counted.
  std::optional<Received> Receive();

  std::uint64_t malformed() const;

  // Takes no new connections over TCP until ListenAgain; those that are there
  // stay, and who wants in meanwhile waits. Needs no descriptor. On an error,
  // such as kUnimplemented where it does not listen on TCP, it can be tried
  // again.
  absl::Status StopListening();
  absl::Status ListenAgain();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  RouterSocket();
  std::unique_ptr<Impl> impl_;
};

// An agent's or client's end: one connection, no fixed routing id. After
// silence it is thrown away and another one made.
class DealerSocket {
 public:
  // Connecting is not waiting: an endpoint where nobody listens yet is fine.
  static absl::StatusOr<std::unique_ptr<DealerSocket>> Connect(
      NetContext& context, const std::string& endpoint);
  ~DealerSocket();

  // kUnavailable while there is no connection; kResourceExhausted when the
  // queue is full. Nothing is queued without a connection (ZMQ_IMMEDIATE).
  absl::Status Send(std::string bytes);
  std::optional<Received> Receive();
  // For an orderly end: unsent messages get this long when it is destroyed.
  void set_linger(Duration linger);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  DealerSocket();
  std::unique_ptr<Impl> impl_;
};

// Waits until a socket or descriptor has input, `deadline` has passed, or Wake
// was called; then returns. The caller drains its sources (up to a bound) and
// only then looks at its timers. Hides that ZMQ_FD is edge-triggered.
class NetPoller {
 public:
  NetPoller();
  ~NetPoller();

  void Add(RouterSocket* socket);
  void Add(DealerSocket* socket);
  void Remove(DealerSocket* socket);
  // Watched for input.
  void AddFd(int fd);

  void Wait(const Clock& clock, std::optional<Instant> deadline);
  // Safe from any thread.
  void Wake();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_NET_SOCKETS_H_
