// Who is heard at the port that a program streams its results to.

#include "worker/gtest/stream_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"
#include "common/base/fd.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using ::testing::SizeIs;

class StreamServerTest : public testing::Test {
 protected:
  StreamServerTest() {
    absl::StatusOr<StreamServer> server = StreamServer::Open();
    PACELINE_CHECK(server.ok());
    server_ = std::make_unique<StreamServer>(*std::move(server));
    // The connections of these tests are the program's.
    server_->set_program(getpid());
  }

  Fd Connect() const {
    Fd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server_->port());
    PACELINE_CHECK(connect(connection.get(),
                           reinterpret_cast<const sockaddr*>(&address),
                           sizeof(address)) == 0);
    return connection;
  }
  static void Say(const Fd& connection, absl::string_view text) {
    PACELINE_CHECK(send(connection.get(), text.data(), text.size(),
                        MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  // On loopback, what was sent is there when send has returned.
  std::string Read(std::size_t max = 1 << 16) {
    std::string bytes;
    server_->Read(max, bytes);
    return bytes;
  }
  // Whether the server has closed its end: a peer that is kept sees nothing.
  static bool IsClosed(const Fd& connection) {
    char byte = 0;
    const ssize_t size = recv(connection.get(), &byte, 1, MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno == ECONNRESET);
  }

  std::unique_ptr<StreamServer> server_;
};

TEST_F(StreamServerTest, NothingIsThereBeforeAConnection) {
  EXPECT_EQ(Read(), "");
  EXPECT_FALSE(server_->connected());
  EXPECT_FALSE(server_->ended());
}

TEST_F(StreamServerTest, TheFirstConnectionIsTheStream) {
  const Fd program = Connect();
  Say(program, "event=");
  EXPECT_EQ(Read(), "event=");
  EXPECT_TRUE(server_->connected());
  Say(program, "TestProgramStart\n");
  EXPECT_EQ(Read(), "TestProgramStart\n");
  EXPECT_FALSE(server_->ended());
}

TEST_F(StreamServerTest, ItsEndIsTheStreamsEnd) {
  Fd program = Connect();
  Say(program, "last words\n");
  program.Reset();
  EXPECT_EQ(Read(), "last words\n");
  Read();
  EXPECT_TRUE(server_->ended());
  EXPECT_TRUE(server_->connected());
}

// A threadsafe death test runs the program again, which connects again.
TEST_F(StreamServerTest, FurtherConnectionsAreReadToNowhereAndKept) {
  const Fd program = Connect();
  Say(program, "one\n");
  EXPECT_EQ(Read(), "one\n");
  std::vector<Fd> others;
  for (int i = 0; i < 12; ++i) {
    others.push_back(Connect());
    Say(others.back(), "event=TestEnd&passed=0&elapsed_time=0ms\n");
    EXPECT_EQ(Read(), "");
    EXPECT_FALSE(IsClosed(others.back()));
  }
  Say(program, "two\n");
  EXPECT_EQ(Read(), "two\n");
}

TEST_F(StreamServerTest, AConnectionAfterTheStreamsEndIsNotTheStream) {
  Fd program = Connect();
  Read();
  program.Reset();
  Read();
  ASSERT_TRUE(server_->ended());
  const Fd other = Connect();
  Say(other, "event=TestProgramStart\n");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(server_->ended());
}

TEST_F(StreamServerTest, NoMoreIsReadAtOnceThanAskedFor) {
  const Fd program = Connect();
  Say(program, std::string(1000, 'x'));
  EXPECT_THAT(Read(600), SizeIs(600));
  EXPECT_THAT(Read(600), SizeIs(400));
}

TEST_F(StreamServerTest, AStrangerIsTurnedAway) {
  // The program is another process: what connects here is not of its family.
  Program program({"/usr/bin/tail", "-f", "/dev/null"});
  server_->set_program(program.pid());
  const Fd stranger = Connect();
  Say(stranger, "event=TestProgramStart\n");
  EXPECT_EQ(Read(), "");
  EXPECT_FALSE(server_->connected());
  EXPECT_TRUE(IsClosed(stranger));
  // And does not keep the program itself from its place.
  server_->set_program(getpid());
  const Fd own = Connect();
  Say(own, "mine\n");
  EXPECT_EQ(Read(), "mine\n");
}

TEST_F(StreamServerTest, WhatIsToBeWaitedForBecomesReadable) {
  const auto ready = [this] {
    std::vector<pollfd> fds;
    server_->AddTo(fds);
    return poll(fds.data(), fds.size(), 0) > 0;
  };
  EXPECT_FALSE(ready());
  const Fd program = Connect();
  EXPECT_TRUE(ready());
  Read();
  EXPECT_FALSE(ready());
  Say(program, "x");
  EXPECT_TRUE(ready());
  Read();
  const Fd other = Connect();
  Read();
  Say(other, "y");
  EXPECT_TRUE(ready());
  Read();
  EXPECT_FALSE(ready());
}

TEST_F(StreamServerTest, ManyConnectionsAreBounded) {
  const Fd program = Connect();
  Read();
  std::vector<Fd> others;
  for (int i = 0; i < 258; ++i) {
    others.push_back(Connect());
    Read();
  }
  std::vector<pollfd> fds;
  server_->AddTo(fds);
  EXPECT_LE(fds.size(), 260U);
  Say(program, "still heard");
  EXPECT_EQ(Read(), "still heard");
}

}  // namespace
}  // namespace paceline
