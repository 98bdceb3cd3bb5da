#include "common/net/sockets.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "common/wire/messages.h"
#include "tests/support/program.h"
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

  // Sends as soon as there is a connection; false if there is none in time.
  bool SendSoon(DealerSocket& dealer, const std::string& bytes,
                Duration patience = std::chrono::seconds(10)) {
    const Instant limit = clock_.Now() + patience;
    while (clock_.Now() < limit) {
      if (dealer.Send(bytes).ok()) {
        return true;
      }
      NetPoller poller;
      poller.Wait(clock_, clock_.Now() + std::chrono::milliseconds(10));
    }
    return false;
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

// A socket that libzmq knows nothing of, and begins to connect it.
Fd TcpSocket() {
  return Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}
void ConnectTo(const std::string& endpoint, const Fd& client) {
  std::uint32_t port = 0;
  EXPECT_TRUE(
      absl::SimpleAtoi(endpoint.substr(endpoint.rfind(':') + 1), &port));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  static_cast<void>(connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                            sizeof address));
}

bool Ready(const Fd& fd, short events, int milliseconds) {
  pollfd entry{fd.get(), events, 0};
  return poll(&entry, 1, milliseconds) == 1;
}

// All descriptors that this process may have are in use while this lives.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit low = before_;
    low.rlim_cur = 128;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (;;) {
      Fd fd(dup(STDERR_FILENO));
      if (!fd.valid()) {
        break;
      }
      held_.push_back(std::move(fd));
    }
  }
  ~NoDescriptorsLeft() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;

 private:
  rlimit before_{};
  std::vector<Fd> held_;
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
  const auto old = connect();
  ASSERT_TRUE(SendSoon(*old, "hello"));
  ASSERT_TRUE(Await(*router).has_value());
  ASSERT_THAT(router->StopListening(), IsOk());
  ASSERT_TRUE(SendSoon(*old, "hello"));
  EXPECT_TRUE(Await(*router).has_value());
  const auto newcomer = connect();
  EXPECT_FALSE(SendSoon(*newcomer, "hello", std::chrono::milliseconds(300)));
  ASSERT_THAT(router->ListenAgain(), IsOk());
  ASSERT_TRUE(SendSoon(*newcomer, "hello"));
  EXPECT_TRUE(Await(*router).has_value());
}

// The listeners were looked for when the door was to be shut, which took a
// descriptor, and none found was no error: the door stayed open just when it
// had to be shut. And those in the listener's queue kept it readable: libzmq's
// thread spun until they had left.
TEST_F(SocketsTest, WithoutDescriptorsItCanStillStopListening) {
  const auto router = Bind(kAnyPort);
  const std::string endpoint = router->endpoints()[0];
  const Fd newcomer = TcpSocket();
  std::vector<Fd> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(TcpSocket());
  }
  const NoDescriptorsLeft none;
  for (const Fd& fd : waiting) {
    ConnectTo(endpoint, fd);
    ASSERT_TRUE(Ready(fd, POLLOUT, 10'000)) << "the kernel's queue takes it";
  }
  ASSERT_THAT(router->StopListening(), IsOk());
  for (const Fd& fd : waiting) {
    // Or greeted, by a place that a socket of before has left only now.
    EXPECT_TRUE(Ready(fd, POLLIN, 10'000)) << "it is hung up on";
  }
  ConnectTo(endpoint, newcomer);
  EXPECT_FALSE(Ready(newcomer, POLLOUT, 300));
}

TEST_F(SocketsTest, WhereThereIsNoPortThereIsNoDoorToShut) {
  EXPECT_THAT(Bind("inproc://sockets-test")->StopListening(),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(SocketsTest, OneSocketListensOnSeveralEndpoints) {
  const ScratchDir scratch;
  const std::string path = absl::StrCat("ipc://", scratch.path(), "/socket");
  auto bound = RouterSocket::Bind(
      context_, {kAnyPort, path, "inproc://sockets-test", kAnyPort});
  ASSERT_THAT(bound, IsOk());
  RouterSocket& router = **bound;
  ASSERT_EQ(router.endpoints().size(), 4U);
  for (const std::string& endpoint : router.endpoints()) {
    auto dealer = DealerSocket::Connect(context_, endpoint);
    ASSERT_THAT(dealer, IsOk());
    ASSERT_TRUE(SendSoon(**dealer, endpoint)) << endpoint;
    const auto received = Await(router);
    ASSERT_TRUE(received.has_value()) << endpoint;
    EXPECT_EQ(received->bytes, endpoint);
  }
  ASSERT_THAT(router.StopListening(), IsOk());
  for (const std::size_t tcp : {0U, 3U}) {
    const Fd newcomer = TcpSocket();
    ConnectTo(router.endpoints()[tcp], newcomer);
    EXPECT_FALSE(Ready(newcomer, POLLOUT, 100));
  }
}

// libzmq unlinks whatever is at the path before it binds.
class IpcPathTest : public SocketsTest {
 protected:
  absl::Status TryBind() {
    return RouterSocket::Bind(context_, {endpoint_}).status();
  }

  ScratchDir scratch_;
  const std::string path_ = scratch_.path() + "/socket";
  const std::string endpoint_ = "ipc://" + path_;
};

// A second coordinator took a living one's address over without a word.
TEST_F(IpcPathTest, APathThatSomebodyListensOnIsInUse) {
  const auto router = Bind(endpoint_);
  EXPECT_THAT(TryBind(), StatusIs(absl::StatusCode::kUnavailable,
                                  HasSubstr("choose another path")));
  auto dealer = DealerSocket::Connect(context_, endpoint_);
  ASSERT_THAT(dealer, IsOk());
  ASSERT_TRUE(SendSoon(**dealer, "still there"));
  EXPECT_TRUE(Await(*router).has_value());
}

TEST_F(IpcPathTest, AFileIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(TryBind(), StatusIs(absl::StatusCode::kUnavailable,
                                  HasSubstr("a file that is no socket")));
  std::string text;
  std::ifstream(path_) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(IpcPathTest, ASocketThatNobodyListensOnIsReplaced) {
  {
    const Fd stale(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(stale.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address),
              0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_THAT(TryBind(), IsOk());
}

TEST_F(IpcPathTest, TheFileGoesWithTheSocket) {
  auto router = Bind(endpoint_);
  ASSERT_TRUE(std::filesystem::exists(path_));
  router.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(IpcPathTest, WhatAnotherHasPutThereStays) {
  auto router = Bind(endpoint_);
  std::filesystem::remove(path_);
  std::ofstream(path_) << "another's";
  router.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(IpcPathTest, AnAbstractNameHasNoFile) {
  const std::string name = absl::StrCat("ipc://@", path_);
  const auto router = Bind(name);
  EXPECT_THAT(RouterSocket::Bind(context_, {name}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in use")));
}

// It was answered with advice about ports.
TEST_F(IpcPathTest, AFolderThatMayNotBeWrittenIsNamedAsSuch) {
  if (geteuid() == 0) {
    GTEST_SKIP() << "root may write everywhere";
  }
  std::filesystem::permissions(
      scratch_.path(),
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const absl::Status status = TryBind();
  std::filesystem::permissions(scratch_.path(),
                               std::filesystem::perms::owner_all);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr("its folder")));
}

TEST_F(SocketsTest, AWakeFromAnotherThreadEndsAWait) {
  NetPoller poller;
  std::thread waker([&poller] { poller.Wake(); });
  poller.Wait(clock_, std::nullopt);
  waker.join();
  // One Wake ends one Wait.
  const Instant soon = clock_.Now() + std::chrono::milliseconds(20);
  poller.Wait(clock_, soon);
  EXPECT_GE(clock_.Now(), soon);
}

TEST_F(SocketsTest, ADescriptorWithInputEndsAWait) {
  auto pipe = MakePipe();
  ASSERT_THAT(pipe, IsOk());
  NetPoller poller;
  poller.AddFd(pipe->first.get());
  ASSERT_EQ(write(pipe->second.get(), "x", 1), 1);
  poller.Wait(clock_, std::nullopt);
}

TEST_F(SocketsTest, ASocketThatWasRemovedEndsNoWait) {
  const auto router = Bind("inproc://sockets-test");
  auto dealer = DealerSocket::Connect(context_, "inproc://sockets-test");
  ASSERT_THAT(dealer, IsOk());
  ASSERT_TRUE(SendSoon(**dealer, "hello"));
  const auto asked = Await(*router);
  ASSERT_TRUE(asked.has_value());
  ASSERT_THAT(router->Send(asked->peer, "answer"), IsOk());
  NetPoller poller;
  poller.Add(dealer->get());
  poller.Wait(clock_, std::nullopt);
  poller.Remove(dealer->get());
  const Instant soon = clock_.Now() + std::chrono::milliseconds(20);
  poller.Wait(clock_, soon);
  EXPECT_GE(clock_.Now(), soon);
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
