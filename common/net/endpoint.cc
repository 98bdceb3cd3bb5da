#include "common/net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxEndpoint = 512;
// What libzmq takes of a name (its own limit is 255, the end included).
constexpr std::size_t kMaxInprocName = 200;

struct HostPort {
  absl::string_view host;  // without brackets
  absl::string_view port;
  bool bracketed = false;
};

std::optional<HostPort> SplitTcp(absl::string_view address) {
  HostPort parts;
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) {
    return std::nullopt;
  }
  parts.host = address.substr(0, colon);
  parts.port = address.substr(colon + 1);
  if (absl::ConsumePrefix(&parts.host, "[")) {
    parts.bracketed = true;
    if (!absl::ConsumeSuffix(&parts.host, "]")) {
      return std::nullopt;
    }
  }
  return parts;
}

bool IsIpv6(absl::string_view host) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

bool IsHostName(absl::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
           c == '-' || c == '_';
  });
}

absl::Status Refuse(absl::string_view endpoint, absl::string_view why,
                    bool listening) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", endpoint.substr(0, kMaxEndpoint), "\" is no address to ",
      listening ? "listen on" : "connect to", ": ", why, "; an example is ",
      listening ? "tcp://127.0.0.1:7878" : "tcp://coordinator.example:7878"));
}

absl::Status ValidateTcp(absl::string_view endpoint, absl::string_view address,
                         bool listening) {
  const std::optional<HostPort> parts = SplitTcp(address);
  if (!parts.has_value()) {
    return Refuse(endpoint, "HOST:PORT is missing after tcp://", listening);
  }
  if (parts->bracketed) {
    if (!IsIpv6(parts->host)) {
      return Refuse(endpoint, "what is in brackets is no IPv6 address",
                    listening);
    }
  } else if (parts->host == "*") {
    if (!listening) {
      return Refuse(endpoint, "the host must be named", listening);
    }
  } else if (absl::StrContains(parts->host, ":")) {
    return Refuse(endpoint, "an IPv6 address goes in brackets", listening);
  } else if (!IsHostName(parts->host)) {
    return Refuse(endpoint, "the host is not a name or an address", listening);
  }
  if (parts->port == "*" && listening) {
    return absl::OkStatus();
  }
  std::uint32_t port = 0;
  if (!absl::SimpleAtoi(parts->port, &port) || port == 0 || port > 65535) {
    return Refuse(endpoint,
                  listening ? "the port must be 1 to 65535, or * for any"
                            : "the port must be 1 to 65535",
                  listening);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateEndpoint(absl::string_view endpoint, bool listening) {
  if (endpoint.size() > kMaxEndpoint) {
    return Refuse(endpoint, "it is too long", listening);
  }
  if (std::any_of(endpoint.begin(), endpoint.end(), [](char c) {
        return absl::ascii_isspace(static_cast<unsigned char>(c)) ||
               absl::ascii_iscntrl(static_cast<unsigned char>(c));
      })) {
    return Refuse(absl::CHexEscape(endpoint), "it has a space in it",
                  listening);
  }
  absl::string_view rest = endpoint;
  if (absl::ConsumePrefix(&rest, "tcp://")) {
    return ValidateTcp(endpoint, rest, listening);
  }
  if (absl::ConsumePrefix(&rest, "ipc://")) {
    if (rest.empty() || rest == "*") {
      return Refuse(endpoint, "a path is missing after ipc://", listening);
    }
    if (rest.size() >= sizeof(sockaddr_un::sun_path)) {
      return Refuse(endpoint, "its path is longer than a socket's may be",
                    listening);
    }
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&rest, "inproc://")) {
    if (rest.empty() || rest.size() > kMaxInprocName) {
      return Refuse(endpoint, "a short name is missing after inproc://",
                    listening);
    }
    return absl::OkStatus();
  }
  return Refuse(endpoint, "it does not begin with tcp:// or ipc://", listening);
}

bool IsLocal(absl::string_view endpoint) {
  if (absl::StartsWith(endpoint, "ipc://") ||
      absl::StartsWith(endpoint, "inproc://")) {
    return true;
  }
  if (!absl::ConsumePrefix(&endpoint, "tcp://")) {
    return false;
  }
  const std::optional<HostPort> parts = SplitTcp(endpoint);
  if (!parts.has_value()) {
    return false;
  }
  const std::string host(parts->host);
  if (parts->bracketed) {
    in6_addr address{};
    return inet_pton(AF_INET6, host.c_str(), &address) == 1 &&
           IN6_IS_ADDR_LOOPBACK(&address);
  }
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) {
    return ntohl(address.s_addr) >> 24 == 127;
  }
  return host == "localhost";
}

}  // namespace paceline
