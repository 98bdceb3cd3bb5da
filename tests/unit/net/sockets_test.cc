#include "common/net/sockets.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/wire/messages.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;

constexpr char kAnyPort[] = "tcp://127.0.0.1:*";

class SocketsTest : public testing::Test {
 protected:
  std::unique_ptr<RouterSocket> Bind(const std::string& endpoint) {
    auto router = RouterSocket::Bind(context_, {endpoint});
    EXPECT_THAT(router, IsOk());
    return *std::move(router);
  }

  // The next message at `socket`, or nothing when the limit passed.
  template <typename Socket>
  std::optional<Received> Await(Socket& socket) {
    NetPoller poller;
    poller.Add(&socket);
    const Instant limit = clock_.Now() + std::chrono::seconds(10);
    for (;;) {
      if (auto received = socket.Receive(); received.has_value()) {
        return received;
      }
      if (clock_.Now() >= limit) {
        return std::nullopt;
      }
      poller.Wait(clock_, limit);
    }
  }

  SystemClock clock_;
  NetContext context_;
};

TEST_F(SocketsTest, AMessageAndItsAnswerCrossWithinTheProcess) {
  const auto router = Bind("inproc://sockets-test");
  auto dealer = DealerSocket::Connect(context_, "inproc://sockets-test");
  ASSERT_THAT(dealer, IsOk());
  ASSERT_THAT((*dealer)->Send(std::string("a\0b", 3)), IsOk());
  const auto asked = Await(*router);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->bytes, std::string("a\0b", 3));
  ASSERT_THAT(router->Send(asked->peer, "answer"), IsOk());
  const auto answer = Await(**dealer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->bytes, "answer");
}

TEST_F(SocketsTest, APortLeftOpenIsFilledIn) {
  const auto router = Bind(kAnyPort);
  ASSERT_EQ(router->endpoints().size(), 1U);
  EXPECT_THAT(router->endpoints()[0],
              testing::MatchesRegex("tcp://127\\.0\\.0\\.1:[1-9][0-9]*"));
}

TEST_F(SocketsTest, AnAddressInUseIsNamed) {
  const auto router = Bind(kAnyPort);
  const std::string taken = router->endpoints()[0];
  EXPECT_THAT(RouterSocket::Bind(context_, {taken}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(taken)));
}

TEST_F(SocketsTest, MessagesOfTheWrongShapeAreDroppedAndCounted) {
  const auto router = Bind(kAnyPort);
  zmq::context_t context;
  zmq::socket_t peer(context, zmq::socket_type::dealer);
  peer.set(zmq::sockopt::linger, 0);
  peer.connect(router->endpoints()[0]);
  for (const char* part : {"one", "two", "three"}) {
    peer.send(zmq::str_buffer("garbage"), zmq::send_flags::sndmore);
    peer.send(zmq::const_buffer(part, 3), zmq::send_flags::none);
  }
  peer.send(zmq::str_buffer("good"), zmq::send_flags::none);
  const auto received = Await(*router);
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->bytes, "good");
  EXPECT_EQ(router->malformed(), 3U);
}

TEST_F(SocketsTest, WhileItDoesNotListenOldConnectionsStayAndNewOnesWait) {
  const auto router = Bind(kAnyPort);
  const std::string endpoint = router->endpoints()[0];
  const auto connect = [&] {
    auto dealer = DealerSocket::Connect(context_, endpoint);
    EXPECT_THAT(dealer, IsOk());
    return *std::move(dealer);
  };
  // Until it is connected, or for good if it cannot be.
  const auto send = [&](DealerSocket& dealer, Duration patience) {
    const Instant limit = clock_.Now() + patience;
    while (clock_.Now() < limit) {
      if (dealer.Send("hello").ok()) {
        return true;
      }
      NetPoller poller;
      poller.Wait(clock_, clock_.Now() + std::chrono::milliseconds(10));
    }
    return false;
  };
  const auto old = connect();
  ASSERT_TRUE(send(*old, std::chrono::seconds(10)));
  ASSERT_TRUE(Await(*router).has_value());
  router->StopListening();
  ASSERT_TRUE(send(*old, std::chrono::seconds(10)));
  EXPECT_TRUE(Await(*router).has_value());
  const auto newcomer = connect();
  EXPECT_FALSE(send(*newcomer, std::chrono::milliseconds(300)));
  router->ListenAgain();
  ASSERT_TRUE(send(*newcomer, std::chrono::seconds(10)));
  EXPECT_TRUE(Await(*router).has_value());
}

TEST_F(SocketsTest, APeerThatNeverWasIsGone) {
  EXPECT_THAT(Bind(kAnyPort)->Send("nobody", "x"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("gone")));
}

TEST_F(SocketsTest, NothingIsQueuedWithoutAConnection) {
  // Held, so that nobody else listens there: a listener that was closed may
  // still take a connection, since libzmq closes it in its own time.
  const Fd holder(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(holder.get(), any, size), 0);
  ASSERT_EQ(getsockname(holder.get(), any, &size), 0);
  auto dealer = DealerSocket::Connect(
      context_, absl::StrCat("tcp://127.0.0.1:", ntohs(address.sin_port)));
  ASSERT_THAT(dealer, IsOk());
  EXPECT_THAT((*dealer)->Send("x"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SocketsTest, AMessageOverTheLimitIsRefused) {
  const auto router = Bind("inproc://sockets-test");
  auto dealer = DealerSocket::Connect(context_, "inproc://sockets-test");
  ASSERT_THAT(dealer, IsOk());
  EXPECT_THAT((*dealer)->Send(std::string(kMaxMessageBytes + 1, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace paceline
