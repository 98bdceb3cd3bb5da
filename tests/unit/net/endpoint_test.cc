#include "common/net/endpoint.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;

MATCHER_P(IsRefusedFor, why, "") {
  return testing::ExplainMatchResult(
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)), arg,
      result_listener);
}

TEST(ValidateEndpointTest, BothSidesTakeEachTransport) {
  for (const char* endpoint :
       {"tcp://127.0.0.1:7878", "tcp://coordinator.example:1",
        "tcp://[::1]:65535", "ipc:///run/paceline", "inproc://local"}) {
    EXPECT_THAT(ValidateEndpoint(endpoint, true), IsOk()) << endpoint;
    EXPECT_THAT(ValidateEndpoint(endpoint, false), IsOk()) << endpoint;
  }
}

TEST(ValidateEndpointTest, OnlyAListenerMayLeaveHostOrPortOpen) {
  EXPECT_THAT(ValidateEndpoint("tcp://*:7878", true), IsOk());
  EXPECT_THAT(ValidateEndpoint("tcp://127.0.0.1:*", true), IsOk());
  EXPECT_THAT(ValidateEndpoint("tcp://*:7878", false),
              IsRefusedFor("the host must be named"));
  EXPECT_THAT(ValidateEndpoint("tcp://127.0.0.1:*", false),
              IsRefusedFor("the port must be 1 to 65535"));
}

TEST(ValidateEndpointTest, ABadPortIsRefused) {
  for (const char* endpoint :
       {"tcp://host:", "tcp://host:0", "tcp://host:65536", "tcp://host:-1",
        "tcp://host:99999999999", "tcp://host:http"}) {
    EXPECT_THAT(ValidateEndpoint(endpoint, true), IsRefusedFor("the port"))
        << endpoint;
  }
}

TEST(ValidateEndpointTest, ABadHostIsRefused) {
  EXPECT_THAT(ValidateEndpoint("tcp://7878", true), IsRefusedFor("HOST:PORT"));
  EXPECT_THAT(ValidateEndpoint("tcp://:7878", true), IsRefusedFor("the host"));
  EXPECT_THAT(ValidateEndpoint("tcp://a;b:7878", true),
              IsRefusedFor("the host"));
  EXPECT_THAT(ValidateEndpoint("tcp://::1:7878", true),
              IsRefusedFor("in brackets"));
  EXPECT_THAT(ValidateEndpoint("tcp://[host]:7878", true),
              IsRefusedFor("no IPv6 address"));
}

TEST(ValidateEndpointTest, APathOrNameMustBeThereAndShort) {
  EXPECT_THAT(ValidateEndpoint("ipc://", true), IsRefusedFor("a path"));
  EXPECT_THAT(ValidateEndpoint("ipc:///" + std::string(107, 'p'), true),
              IsRefusedFor("longer than a socket's"));
  EXPECT_THAT(ValidateEndpoint("ipc:///" + std::string(106, 'p'), true),
              IsOk());
  EXPECT_THAT(ValidateEndpoint("inproc://", true), IsRefusedFor("name"));
  EXPECT_THAT(ValidateEndpoint("inproc://" + std::string(201, 'n'), true),
              IsRefusedFor("name"));
}

TEST(ValidateEndpointTest, WhatIsNoEndpointIsRefusedWithAnExample) {
  for (const char* endpoint : {"", "127.0.0.1:7878", "udp://127.0.0.1:7878"}) {
    EXPECT_THAT(ValidateEndpoint(endpoint, true),
                IsRefusedFor("tcp://127.0.0.1:7878"))
        << endpoint;
    EXPECT_THAT(ValidateEndpoint(endpoint, false),
                IsRefusedFor("tcp://coordinator.example:7878"))
        << endpoint;
  }
}

TEST(ValidateEndpointTest, ControlCharactersAreShownEscaped) {
  EXPECT_THAT(ValidateEndpoint("tcp://a\n:1", true), IsRefusedFor("a\\n:1"));
}

TEST(ValidateEndpointTest, AnErrorDoesNotRepeatAnEndpointOfAnyLength) {
  const absl::Status status =
      ValidateEndpoint("tcp://" + std::string(100'000, 'h'), true);
  EXPECT_THAT(status, IsRefusedFor("too long"));
  EXPECT_LT(status.message().size(), 1'000U);
}

TEST(IsLocalTest, LoopbackAndThisMachinesTransportsAre) {
  for (const char* endpoint :
       {"ipc:///run/paceline", "inproc://local", "tcp://127.0.0.1:7878",
        "tcp://127.255.0.9:*", "tcp://[::1]:7878", "tcp://localhost:7878"}) {
    EXPECT_TRUE(IsLocal(endpoint)) << endpoint;
  }
}

// Names that only look like the loopback's may resolve to anything.
TEST(IsLocalTest, EverythingElseIsNot) {
  for (const char* endpoint :
       {"tcp://*:7878", "tcp://0.0.0.0:7878", "tcp://[::]:7878",
        "tcp://128.0.0.1:7878", "tcp://127.0.0.1.example:7878",
        "tcp://localhost.example:7878", "tcp://[::2]:7878", "tcp://127.0.0.1",
        "udp://127.0.0.1:7878", ""}) {
    EXPECT_FALSE(IsLocal(endpoint)) << endpoint;
  }
}

}  // namespace
}  // namespace paceline
