#include "common/net/sockets.h"

#include <errno.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>
#include <zmq.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/poll_timeout.h"
#include "common/base/waker.h"
#include "common/net/endpoint.h"
#include "common/net/ipc_path.h"
#include "common/net/listener_gate.h"
#include "common/wire/messages.h"

#if defined(__SANITIZE_THREAD__)
#define PACELINE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PACELINE_TSAN 1
#endif
#endif

#ifdef PACELINE_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace paceline {
namespace {

// ThreadSanitizer cannot see how libzmq, which is not built with it, hands a
// message from one thread to another; these two say so.
void AnnotateSend([[maybe_unused]] void* channel) {
#ifdef PACELINE_TSAN
  __tsan_release(channel);
#endif
}
void AnnotateReceive([[maybe_unused]] void* channel) {
#ifdef PACELINE_TSAN
  __tsan_acquire(channel);
#endif
}

// Sockets, not connections: a simulated fleet has one each for its agents.
constexpr int kMaxSockets = 8192;

// What both ends set. Liveness is the fleet protocol's own: these heartbeats
// run in libzmq's thread, and only free what a vanished host left behind.
void SetCommonOptions(zmq::socket_t& socket, absl::string_view endpoint) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize,
             static_cast<std::int64_t>(kMaxMessageBytes));
  socket.set(zmq::sockopt::sndhwm, 1000);
  socket.set(zmq::sockopt::rcvhwm, 1000);
  socket.set(zmq::sockopt::handshake_ivl, 2'000);
  socket.set(zmq::sockopt::heartbeat_ivl, 5'000);
  socket.set(zmq::sockopt::heartbeat_timeout, 15'000);
  // Over 65.5 s this value wraps inside libzmq.
  socket.set(zmq::sockopt::heartbeat_ttl, 30'000);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 60);
  // On for an IPv6 address alone: with it on, names resolve to IPv6 first and
  // 127.0.0.1 reads back as [::ffff:127.0.0.1].
  socket.set(zmq::sockopt::ipv6, absl::StartsWith(endpoint, "tcp://["));
}

absl::Status TooLarge(std::size_t size) {
  return absl::InvalidArgumentError(absl::StrCat(
      "a message of ", size, " bytes is over the limit of ", kMaxMessageBytes));
}

// What could not be done with `endpoint`, and what to do about it.
absl::Status EndpointError(absl::string_view action, absl::string_view endpoint,
                           int error) {
  const auto failed = [&](absl::StatusCode code, absl::string_view why) {
    return absl::Status(
        code, absl::StrCat("cannot ", action, " ", endpoint, ": ", why));
  };
  const bool is_path = absl::StartsWith(endpoint, "ipc://");
  switch (error) {
    case EADDRINUSE:
      return failed(
          absl::StatusCode::kUnavailable,
          absl::StrCat("the address is in use; stop the program that holds "
                       "it, or choose another ",
                       is_path ? "path" : "port"));
    case ENOTSOCK:
      return failed(absl::StatusCode::kUnavailable,
                    "there is a file that is no socket; choose another path");
    case EADDRNOTAVAIL:
    case ENODEV:
      return failed(absl::StatusCode::kUnavailable,
                    "this machine has no such address; use one that `ip "
                    "address` shows, or * for all");
    case EACCES:
    case EPERM:
      return failed(absl::StatusCode::kUnavailable,
                    is_path ? "permission denied; its folder must be yours to "
                              "write, and what is there yours to open"
                            : "permission denied; ports below 1024 need "
                              "privileges");
    case EMFILE:
    case ENFILE:
      return failed(absl::StatusCode::kResourceExhausted,
                    "no descriptors are left; raise the limit (ulimit -n)");
    default:
      return failed(absl::StatusCode::kUnavailable, zmq_strerror(error));
  }
}

// Reads the parts of a message that follow the ones already taken.
void DropRest(zmq::socket_t& socket, bool more) {
  while (more) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait).has_value()) {
      return;
    }
    more = part.more();
  }
}

// For how long what was sent may outlive its socket, at most a minute.
int ToMillis(Duration linger) {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(
                              std::clamp<Duration>(linger, Duration::zero(),
                                                   std::chrono::minutes(1)))
                              .count());
}

std::string ToBytes(const zmq::message_t& message) {
  return std::string(message.data<char>(), message.size());
}

}  // namespace

// ---- NetContext ------------------------------------------------------------

struct NetContext::Impl {
  zmq::context_t context;
  // An address of a closed monitor stays taken for a moment: none is used
  // twice.
  std::atomic<std::uint64_t> next_monitor{1};
};

NetContext::NetContext() : impl_(std::make_unique<Impl>()) {
  impl_->context.set(zmq::ctxopt::max_sockets, kMaxSockets);
  // libzmq starts its threads with the first socket; signals are for ours.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    const zmq::socket_t starts_threads(impl_->context, zmq::socket_type::pair);
  } catch (const zmq::error_t&) {
    // Out of descriptors: the first real socket says so.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

NetContext::~NetContext() = default;

namespace {

// The end at which `events` of `socket` are told. Throws zmq::error_t.
zmq::socket_t MakeMonitor(NetContext::Impl& context, zmq::socket_t& socket,
                          int events) {
  const std::string name =
      absl::StrCat("inproc://paceline-monitor-", context.next_monitor++);
  if (zmq_socket_monitor(socket.handle(), name.c_str(), events) != 0) {
    throw zmq::error_t();
  }
  zmq::socket_t monitor(context.context, zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(name);
  return monitor;
}

// The other end of `socket`'s monitor would outlive its reader otherwise.
void EndMonitor(zmq::socket_t& socket) {
  zmq_socket_monitor(socket.handle(), nullptr, 0);
}

struct SocketEvent {
  std::uint16_t number = 0;
  std::uint32_t value = 0;
};

// What `monitor` tells next, if there is anything.
std::optional<SocketEvent> NextEvent(zmq::socket_t& monitor) {
  zmq::message_t message;
  if (!monitor.recv(message, zmq::recv_flags::dontwait).has_value()) {
    return std::nullopt;
  }
  DropRest(monitor, message.more());
  SocketEvent event;
  if (message.size() >= sizeof event.number + sizeof event.value) {
    std::memcpy(&event.number, message.data(), sizeof event.number);
    std::memcpy(&event.value, message.data<char>() + sizeof event.number,
                sizeof event.value);
  }
  return event;
}

}  // namespace

// ---- RouterSocket ----------------------------------------------------------

struct RouterSocket::Impl {
  zmq::socket_t socket;
  void* channel = nullptr;  // what ThreadSanitizer knows the context by
  std::vector<std::string> endpoints;
  std::uint64_t malformed = 0;
  ListenerGate gate;
  std::vector<IpcFile> files;

  // Binds one endpoint. Returns 0 or the errno of what is in the way; throws
  // zmq::error_t for the rest.
  int Bind(const std::string& endpoint, zmq::socket_t& monitor);
};

int RouterSocket::Impl::Bind(const std::string& endpoint,
                             zmq::socket_t& monitor) {
  absl::string_view path = endpoint;
  const bool is_path = absl::ConsumePrefix(&path, "ipc://");
  if (is_path) {
    if (const int error = LookAtIpcPath(std::string(path)); error != 0) {
      return error;
    }
  }
  SetCommonOptions(socket, endpoint);
  socket.bind(endpoint);
  endpoints.push_back(socket.get(zmq::sockopt::last_endpoint));
  if (is_path) {
    files.emplace_back(std::string(path));
  }
  while (const std::optional<SocketEvent> event = NextEvent(monitor)) {
    if (event->number == ZMQ_EVENT_LISTENING) {
      gate.Add(static_cast<int>(event->value));
    }
  }
  return 0;
}

RouterSocket::RouterSocket() : impl_(std::make_unique<Impl>()) {}
RouterSocket::~RouterSocket() = default;

absl::StatusOr<std::unique_ptr<RouterSocket>> RouterSocket::Bind(
    NetContext& context, const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) {
    if (absl::Status status = ValidateEndpoint(endpoint, /*listening=*/true);
        !status.ok()) {
      return status;
    }
  }
  std::unique_ptr<RouterSocket> router(new RouterSocket());
  Impl& impl = *router->impl_;
  impl.channel = &context.impl();
  absl::string_view endpoint = "a socket";
  try {
    impl.socket =
        zmq::socket_t(context.impl().context, zmq::socket_type::router);
    // Without it a message to a peer that is gone vanishes in silence.
    impl.socket.set(zmq::sockopt::router_mandatory, true);
    impl.socket.set(zmq::sockopt::backlog, 512);
    // Tells the listeners' descriptors.
    zmq::socket_t monitor =
        MakeMonitor(context.impl(), impl.socket, ZMQ_EVENT_LISTENING);
    for (const std::string& wanted : endpoints) {
      endpoint = wanted;
      if (const int error = impl.Bind(wanted, monitor); error != 0) {
        return EndpointError("listen on", endpoint, error);
      }
    }
    EndMonitor(impl.socket);
  } catch (const zmq::error_t& error) {
    return EndpointError("listen on", endpoint, error.num());
  }
  return router;
}

const std::vector<std::string>& RouterSocket::endpoints() const {
  return impl_->endpoints;
}

absl::Status RouterSocket::Send(absl::string_view peer, std::string bytes) {
  if (bytes.size() > kMaxMessageBytes) {
    return TooLarge(bytes.size());
  }
  AnnotateSend(impl_->channel);
  try {
    // With ROUTER_MANDATORY all that can fail fails at the first part.
    if (!impl_->socket
             .send(zmq::const_buffer(peer.data(), peer.size()),
                   zmq::send_flags::sndmore | zmq::send_flags::dontwait)
             .has_value()) {
      return absl::ResourceExhaustedError("the peer's queue is full");
    }
    if (!impl_->socket
             .send(zmq::const_buffer(bytes.data(), bytes.size()),
                   zmq::send_flags::dontwait)
             .has_value()) {
      return absl::ResourceExhaustedError("the peer's queue is full");
    }
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) {
      return absl::UnavailableError("the peer is gone");
    }
    return absl::UnavailableError(
        absl::StrCat("cannot send to the peer: ", error.what()));
  }
  return absl::OkStatus();
}

std::optional<Received> RouterSocket::Receive() {
  zmq::socket_t& socket = impl_->socket;
  // Of the wrong shape there may be any number; the caller has other things to
  // do, and is woken for the rest.
  constexpr int kMostDropped = 1000;
  try {
    for (int dropped = 0; dropped < kMostDropped; ++dropped) {
      zmq::message_t peer;
      if (!socket.recv(peer, zmq::recv_flags::dontwait).has_value()) {
        return std::nullopt;
      }
      zmq::message_t body;
      if (peer.more() &&
          socket.recv(body, zmq::recv_flags::dontwait).has_value() &&
          !body.more()) {
        AnnotateReceive(impl_->channel);
        return Received{ToBytes(peer), ToBytes(body)};
      }
      ++impl_->malformed;
      DropRest(socket, body.more());
    }
    return std::nullopt;
  } catch (const zmq::error_t&) {
    // EINTR; what is there stays there.
    return std::nullopt;
  }
}

std::uint64_t RouterSocket::malformed() const { return impl_->malformed; }

absl::Status RouterSocket::StopListening() { return impl_->gate.Shut(); }

absl::Status RouterSocket::ListenAgain() { return impl_->gate.Open(); }

// ---- DealerSocket ----------------------------------------------------------

struct DealerSocket::Impl {
  zmq::socket_t socket;
  // libzmq says EAGAIN for "no connection" and for "queue full" alike; the
  // monitor tells them apart. It has no events over inproc://.
  zmq::socket_t monitor;
  void* channel = nullptr;
  bool inproc = false;
  bool connected = false;

  // Takes what the monitor has to say. Called wherever nothing was sent or
  // received, so that its queue, which libzmq's thread would wait on, never
  // fills.
  void FollowConnection();
};

void DealerSocket::Impl::FollowConnection() {
  if (inproc) {
    return;
  }
  while (const std::optional<SocketEvent> event = NextEvent(monitor)) {
    connected = event->number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  }
}

DealerSocket::DealerSocket() : impl_(std::make_unique<Impl>()) {}

DealerSocket::~DealerSocket() {
  if (impl_->socket.handle() != nullptr && !impl_->inproc) {
    EndMonitor(impl_->socket);
  }
}

absl::StatusOr<std::unique_ptr<DealerSocket>> DealerSocket::Connect(
    NetContext& context, const std::string& endpoint) {
  if (absl::Status status = ValidateEndpoint(endpoint, /*listening=*/false);
      !status.ok()) {
    return status;
  }
  std::unique_ptr<DealerSocket> dealer(new DealerSocket());
  Impl& impl = *dealer->impl_;
  impl.channel = &context.impl();
  impl.inproc = absl::StartsWith(endpoint, "inproc://");
  try {
    impl.socket =
        zmq::socket_t(context.impl().context, zmq::socket_type::dealer);
    SetCommonOptions(impl.socket, endpoint);
    impl.socket.set(zmq::sockopt::immediate, true);
    impl.socket.set(zmq::sockopt::reconnect_ivl, 100);
    impl.socket.set(zmq::sockopt::reconnect_ivl_max, 5'000);
    impl.socket.set(zmq::sockopt::connect_timeout, 5'000);
    if (!impl.inproc) {
      impl.monitor =
          MakeMonitor(context.impl(), impl.socket,
                      ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
    }
    impl.socket.connect(endpoint);
  } catch (const zmq::error_t& error) {
    return EndpointError("connect to", endpoint, error.num());
  }
  return dealer;
}

absl::Status DealerSocket::Send(std::string bytes) {
  if (bytes.size() > kMaxMessageBytes) {
    return TooLarge(bytes.size());
  }
  AnnotateSend(impl_->channel);
  try {
    if (impl_->socket
            .send(zmq::const_buffer(bytes.data(), bytes.size()),
                  zmq::send_flags::dontwait)
            .has_value()) {
      return absl::OkStatus();
    }
    impl_->FollowConnection();
  } catch (const zmq::error_t& error) {
    return absl::UnavailableError(absl::StrCat("cannot send: ", error.what()));
  }
  if (impl_->inproc) {
    return absl::ResourceExhaustedError(
        "the queue to the peer is full, or the peer has gone");
  }
  if (impl_->connected) {
    return absl::ResourceExhaustedError("the queue to the peer is full");
  }
  return absl::UnavailableError("there is no connection");
}

std::optional<Received> DealerSocket::Receive() {
  zmq::socket_t& socket = impl_->socket;
  try {
    for (;;) {
      zmq::message_t body;
      if (!socket.recv(body, zmq::recv_flags::dontwait).has_value()) {
        impl_->FollowConnection();
        return std::nullopt;
      }
      if (!body.more()) {
        AnnotateReceive(impl_->channel);
        return Received{"", ToBytes(body)};
      }
      DropRest(socket, true);
    }
  } catch (const zmq::error_t&) {
    // EINTR; what is there stays there.
    return std::nullopt;
  }
}

void DealerSocket::set_linger(Duration linger) {
  impl_->socket.set(zmq::sockopt::linger, ToMillis(linger));
}

// ---- NetPoller -------------------------------------------------------------

struct NetPoller::Impl {
  Waker waker;
  std::vector<zmq::pollitem_t> items;  // the first is `waker`
};

NetPoller::NetPoller() : impl_(std::make_unique<Impl>()) {
  PACELINE_CHECK(impl_->waker.valid());
  AddFd(impl_->waker.fd());
}

NetPoller::~NetPoller() = default;

void NetPoller::Add(RouterSocket* socket) {
  impl_->items.push_back({socket->impl().socket.handle(), 0, ZMQ_POLLIN, 0});
}

void NetPoller::Add(DealerSocket* socket) {
  impl_->items.push_back({socket->impl().socket.handle(), 0, ZMQ_POLLIN, 0});
}

void NetPoller::Remove(DealerSocket* socket) {
  void* const handle = socket->impl().socket.handle();
  std::erase_if(impl_->items, [handle](const zmq::pollitem_t& item) {
    return item.socket == handle;
  });
}

void NetPoller::AddFd(int fd) {
  impl_->items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
}

void NetPoller::Wait(const Clock& clock, std::optional<Instant> deadline) {
  try {
    zmq::poll(impl_->items,
              std::chrono::milliseconds(PollTimeout(clock, deadline)));
  } catch (const zmq::error_t&) {
    return;  // EINTR
  }
  if ((impl_->items.front().revents & ZMQ_POLLIN) != 0) {
    impl_->waker.Clear();
  }
}

void NetPoller::Wake() { impl_->waker.Wake(); }

}  // namespace paceline
