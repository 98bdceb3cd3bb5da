// The coordinator's shell, over real sockets.

#include "coordinator/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/wire/codec.h"

namespace paceline {
namespace {

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

}  // namespace
}  // namespace paceline
