#include "worker/gtest/stream_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "worker/gtest/connection_owner.h"

namespace paceline {

absl::StatusOr<StreamServer> StreamServer::Open() {
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (!listener.valid() ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(listener.get(), SOMAXCONN) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address),
                  &size) != 0) {
    return absl::ErrnoToStatus(
        errno, "cannot listen on 127.0.0.1 for a test program's results");
  }
  return StreamServer(std::move(listener), ntohs(address.sin_port));
}

void StreamServer::AddTo(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  if (stream_.valid()) {
    fds.push_back({stream_.get(), POLLIN, 0});
  }
  for (const Fd& other : others_) {
    fds.push_back({other.get(), POLLIN, 0});
  }
}

void StreamServer::Accept() {
  for (;;) {
    Fd accepted(accept4(listener_.get(), nullptr, nullptr,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted.valid()) {
      return;
    }
    if (IsSomebodyElses(accepted.get(), program_)) {
      continue;
    }
    if (!connected()) {
      stream_ = std::move(accepted);
      continue;
    }
    others_.push_back(std::move(accepted));
    if (others_.size() > kMaxOthers) {
      others_.pop_front();
    }
  }
}

void StreamServer::DrainOthers() {
  std::array<char, 4096> nowhere;
  const auto is_over = [&nowhere](const Fd& other) {
    ssize_t size = 0;
    do {
      size = recv(other.get(), nowhere.data(), nowhere.size(), 0);
    } while (size == static_cast<ssize_t>(nowhere.size()));
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
  };
  others_.erase(std::remove_if(others_.begin(), others_.end(), is_over),
                others_.end());
}

void StreamServer::Read(std::size_t max, std::string& bytes) {
  Accept();
  DrainOthers();
  std::array<char, 64 * 1024> buffer;
  while (stream_.valid() && bytes.size() < max) {
    const ssize_t size = recv(stream_.get(), buffer.data(),
                              std::min(buffer.size(), max - bytes.size()), 0);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0 && errno == EAGAIN) {
      // GoogleTest writes small pieces, and the kernel holds each back until
      // the one before is acknowledged; unasked, that takes 40 ms.
      const int on = 1;
      setsockopt(stream_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
      return;
    }
    if (size <= 0) {
      stream_.Reset();
      ended_ = true;
      return;
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace paceline
