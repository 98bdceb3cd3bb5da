#include "common/net/listener_gate.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"

namespace paceline {
namespace {

bool Listens(int fd, std::uint16_t port) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
      listens == 0) {
    return false;
  }
  union {
    sockaddr any;
    sockaddr_in ip4;
    sockaddr_in6 ip6;
  } address{};
  size = sizeof address;
  if (getsockname(fd, &address.any, &size) != 0) {
    return false;
  }
  switch (address.any.sa_family) {
    case AF_INET:
      return ntohs(address.ip4.sin_port) == port;
    case AF_INET6:
      return ntohs(address.ip6.sin6_port) == port;
    default:
      return false;
  }
}

void Set(int fd, bool accepting) {
  if (accepting) {
    const int unused = 0;
    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    return;
  }
  sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop_all};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

}  // namespace

int SetAccepting(std::uint16_t port, bool accepting) {
  int found = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end;
       !error && it != end; it.increment(error)) {
    int fd = -1;
    if (absl::SimpleAtoi(it->path().filename().string(), &fd) &&
        Listens(fd, port)) {
      Set(fd, accepting);
      ++found;
    }
  }
  return found;
}

}  // namespace paceline
