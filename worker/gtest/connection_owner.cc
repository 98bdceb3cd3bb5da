#include "worker/gtest/connection_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

struct SocketOwner {
  std::uint32_t inode = 0;  // 0: no process holds it any more
  uid_t uid = 0;
};

std::optional<sockaddr_in> Address(int fd,
                                   int (*get)(int, sockaddr*, socklen_t*)) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (get(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sin_family != AF_INET) {
    return std::nullopt;
  }
  return address;
}

// Asks the kernel for the one socket whose ends these are; unlike
// /proc/net/tcp, that costs the same however many there are.
std::optional<SocketOwner> AskOwner(const sockaddr_in& own_end,
                                    const sockaddr_in& other_end) {
  const Fd netlink(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                          NETLINK_SOCK_DIAG));
  if (!netlink.valid()) {
    return std::nullopt;
  }
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.body.sdiag_family = AF_INET;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  request.body.id.idiag_sport = own_end.sin_port;
  request.body.id.idiag_dport = other_end.sin_port;
  request.body.id.idiag_src[0] = own_end.sin_addr.s_addr;
  request.body.id.idiag_dst[0] = other_end.sin_addr.s_addr;
  request.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (send(netlink.get(), &request, sizeof(request), 0) != sizeof(request)) {
    return std::nullopt;
  }
  // The kernel answers before send returns.
  alignas(nlmsghdr) std::array<char, 4096> answer{};
  const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
  nlmsghdr header{};
  inet_diag_msg message{};
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(message)))) {
    return std::nullopt;
  }
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return std::nullopt;
  }
  std::memcpy(&message, answer.data() + NLMSG_HDRLEN, sizeof(message));
  return SocketOwner{message.idiag_inode, message.idiag_uid};
}

// Whether `pid` holds the socket; nothing where its descriptors cannot be read.
std::optional<bool> Holds(pid_t pid, std::uint32_t inode) {
  const std::string directory = absl::StrCat("/proc/", pid, "/fd");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()),
                                                    closedir);
  if (entries == nullptr) {
    return errno == ENOENT ? std::optional<bool>(false) : std::nullopt;
  }
  const std::string wanted = absl::StrCat("socket:[", inode, "]");
  while (const dirent* entry = readdir(entries.get())) {
    std::array<char, 64> target{};
    const ssize_t size =
        readlink(absl::StrCat(directory, "/", entry->d_name).c_str(),
                 target.data(), target.size());
    if (size > 0 && absl::string_view(target.data(), static_cast<std::size_t>(
                                                         size)) == wanted) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsSomebodyElses(int fd, pid_t root) {
  const auto here = Address(fd, getsockname);
  const auto there = Address(fd, getpeername);
  if (!here.has_value() || !there.has_value()) {
    return false;
  }
  const std::optional<SocketOwner> owner = AskOwner(*there, *here);
  if (!owner.has_value() || owner->inode == 0) {
    return false;
  }
  if (owner->uid != getuid()) {
    return true;
  }
  std::vector<pid_t> family = Descendants(root);
  family.insert(family.begin(), root);
  const bool held_by_none = std::all_of(
      family.begin(), family.end(),
      [&owner](pid_t pid) { return Holds(pid, owner->inode) == false; });
  if (!held_by_none) {
    return false;
  }
  // A program that has just connected may be gone by now, and with it what it
  // held: it is somebody else's only if somebody still holds it.
  const std::optional<SocketOwner> still = AskOwner(*there, *here);
  return still.has_value() && still->inode == owner->inode;
}

}  // namespace paceline
