// The coordinator's shell, over real sockets.

#include "coordinator/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/wire/codec.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.endpoints = {"tcp://127.0.0.1:*"};
    auto server = Server::Start(context_, std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto socket = DealerSocket::Connect(context_, server_->endpoints()[0]);
    ASSERT_TRUE(socket.ok()) << socket.status();
    socket_ = *std::move(socket);
    poller_.Add(socket_.get());
  }
  // Sends `message` as soon as there is a connection.
  void Say(const Message& message) {
    const Instant until = clock_.Now() + std::chrono::seconds(30);
    while (!socket_->Send(Encode(message)).ok() && clock_.Now() < until) {
      poller_.Wait(clock_, clock_.Now() + std::chrono::milliseconds(20));
    }
  }
  // The next message of this kind.
  template <typename M>
  std::optional<M> Hear() {
    const Instant until = clock_.Now() + std::chrono::seconds(30);
    while (clock_.Now() < until) {
      while (std::optional<Received> received = socket_->Receive()) {
        const absl::StatusOr<Message> message = Decode(received->bytes);
        if (message.ok() && std::holds_alternative<M>(*message)) {
          return std::get<M>(*message);
        }
      }
      poller_.Wait(clock_, until);
    }
    return std::nullopt;
  }

  const SystemClock clock_{};
  NetContext context_;
  NetPoller poller_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<DealerSocket> socket_;
};

// They were left to find out, after half a minute of silence; and later, on a
// busy machine, one in a hundred still was: the connection closed before the
// sentence had been read, and took it along.
TEST_F(ServerTest, ThatItStopsIsSaid) {
  Hello hello;
  hello.name = "alpha";
  hello.instance = RandomId<InstanceId>();
  hello.slots = 1;
  Say(hello);
  ASSERT_TRUE(Hear<Welcome>().has_value());
  std::thread stopping([this] { server_.reset(); });
  const std::optional<Refused> refused = Hear<Refused>();
  socket_.reset();
  stopping.join();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->code, RefusalCode::kShuttingDown);
}

TEST_F(ServerTest, WhatIsNoMessageIsAnsweredWithASentence) {
  const Instant until = clock_.Now() + std::chrono::seconds(30);
  while (!socket_->Send("garbage").ok() && clock_.Now() < until) {
    poller_.Wait(clock_, clock_.Now() + std::chrono::milliseconds(20));
  }
  const std::optional<Refused> refused = Hear<Refused>();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->code, RefusalCode::kMalformed);
}

// ---- with a journal

class JournalledServerTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Server>> Start() {
    ServerOptions options;
    options.endpoints = {"tcp://127.0.0.1:*"};
    options.journal = scratch_.path() + "/journal";
    options.journal_patience = std::chrono::milliseconds(300);
    options.on_failure = [this](const absl::Status& why) {
      failure_.set_value(why);
    };
    return Server::Start(context_, std::move(options));
  }

  const ScratchDir scratch_;
  NetContext context_;
  std::promise<absl::Status> failure_;
};

TEST_F(JournalledServerTest, OneJournalIsOfOneCoordinator) {
  const auto first = Start();
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("another coordinator")));
}

TEST_F(JournalledServerTest, ItEndsWhenItsJournalCannotBeWrittenForLong) {
  const auto server = Start();
  ASSERT_THAT(server, IsOk());
  auto socket = DealerSocket::Connect(context_, (*server)->endpoints()[0]);
  ASSERT_THAT(socket, IsOk());
  NetPoller poller;
  poller.Add(socket->get());
  const SystemClock clock;
  const FileSizeLimit limit(0);
  // A run to be kept.
  const Instant until = clock.Now() + std::chrono::seconds(30);
  SubmitOpen open;
  open.run = RandomId<RunId>();
  while (!(*socket)->Send(Encode(open)).ok() && clock.Now() < until) {
    poller.Wait(clock, clock.Now() + std::chrono::milliseconds(20));
  }
  std::future<absl::Status> failure = failure_.get_future();
  ASSERT_EQ(failure.wait_for(std::chrono::seconds(30)),
            std::future_status::ready);
  EXPECT_THAT(failure.get(), StatusIs(absl::StatusCode::kUnavailable,
                                      HasSubstr(scratch_.path())));
}

}  // namespace
}  // namespace paceline
