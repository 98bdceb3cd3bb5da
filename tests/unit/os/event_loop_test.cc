#include "common/os/event_loop.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "common/os/subprocess.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  EventLoopTest() {
    auto loop = EventLoop::Create();
    EXPECT_THAT(loop, IsOk());
    loop_ = *std::move(loop);
  }

  // A pipe with a byte in it.
  static std::pair<Fd, Fd> ReadyPipe() {
    auto pipe = MakePipe();
    EXPECT_THAT(pipe, IsOk());
    EXPECT_EQ(write(pipe->second.get(), "x", 1), 1);
    return *std::move(pipe);
  }

  // One turn that does not wait.
  void Turn() { loop_->RunOnce(clock_, clock_.Now()); }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, AReadyDescriptorIsServed) {
  const auto [in, out] = ReadyPipe();
  std::uint32_t seen = 0;
  ASSERT_THAT(loop_->Add(in.get(), EPOLLIN,
                         [&seen](std::uint32_t events) { seen = events; }),
              IsOk());
  loop_->RunOnce(clock_, std::nullopt);
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLIN));
}

TEST_F(EventLoopTest, WhatIsNotReadIsServedAgain) {
  const auto [in, out] = ReadyPipe();
  int calls = 0;
  ASSERT_THAT(
      loop_->Add(in.get(), EPOLLIN, [&calls](std::uint32_t) { ++calls; }),
      IsOk());
  Turn();
  Turn();
  EXPECT_EQ(calls, 2);
}

TEST_F(EventLoopTest, InputIsServedThoughTheDeadlineHasPassed) {
  const auto [in, out] = ReadyPipe();
  int calls = 0;
  ASSERT_THAT(
      loop_->Add(in.get(), EPOLLIN, [&calls](std::uint32_t) { ++calls; }),
      IsOk());
  loop_->RunOnce(clock_, Instant{});
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, AnIdleLoopReturnsAtItsDeadline) {
  const Instant deadline = clock_.Now() + std::chrono::milliseconds(2);
  loop_->RunOnce(clock_, deadline);
  EXPECT_GE(clock_.Now(), deadline);
}

TEST_F(EventLoopTest, WakeEndsTheWaitOfAnotherThread) {
  std::thread waker([this] { loop_->Wake(); });
  loop_->RunOnce(clock_, std::nullopt);
  waker.join();
}

TEST_F(EventLoopTest, WakesBeforeTheTurnCountOnce) {
  loop_->Wake();
  loop_->Wake();
  loop_->RunOnce(clock_, std::nullopt);
  const Instant deadline = clock_.Now() + std::chrono::milliseconds(1);
  loop_->RunOnce(clock_, deadline);
  EXPECT_GE(clock_.Now(), deadline);  // was not woken
}

TEST_F(EventLoopTest, ARemovedDescriptorIsNotServed) {
  const auto [in, out] = ReadyPipe();
  int calls = 0;
  ASSERT_THAT(
      loop_->Add(in.get(), EPOLLIN, [&calls](std::uint32_t) { ++calls; }),
      IsOk());
  loop_->Remove(in.get());
  Turn();
  EXPECT_EQ(calls, 0);
}

TEST_F(EventLoopTest, ACallbackMayRemoveItsOwnDescriptor) {
  const auto [in, out] = ReadyPipe();
  // Captured by value: the callback must outlive its removal.
  const std::string name = "long enough to live on the heap, not in place";
  std::vector<std::string> seen;
  ASSERT_THAT(loop_->Add(in.get(), EPOLLIN,
                         [this, &seen, name, fd = in.get()](std::uint32_t) {
                           loop_->Remove(fd);
                           seen.push_back(name);
                         }),
              IsOk());
  Turn();
  Turn();
  EXPECT_THAT(seen, testing::ElementsAre(name));
}

// Two descriptors are ready in one turn; whichever is served first replaces
// the other one under its number. What was ready there is no longer.
TEST_F(EventLoopTest, AnEventOfADescriptorReplacedInTheTurnIsNotDelivered) {
  auto first = ReadyPipe();
  auto second = ReadyPipe();
  auto idle = MakePipe();
  ASSERT_THAT(idle, IsOk());
  int served = 0;
  int served_idle = 0;
  const auto replace = [&](int other) {
    return [&, other](std::uint32_t) {
      ++served;
      loop_->Remove(other);
      ASSERT_EQ(dup2(idle->first.get(), other), other);
      ASSERT_THAT(
          loop_->Add(other, EPOLLIN, [&](std::uint32_t) { ++served_idle; }),
          IsOk());
    };
  };
  const int a = first.first.get();
  const int b = second.first.get();
  ASSERT_THAT(loop_->Add(a, EPOLLIN, replace(b)), IsOk());
  ASSERT_THAT(loop_->Add(b, EPOLLIN, replace(a)), IsOk());
  Turn();
  EXPECT_EQ(served, 1);
  EXPECT_EQ(served_idle, 0);
}

TEST_F(EventLoopTest, ModifyChangesWhatIsWatchedFor) {
  auto pair = MakeSocketPair();
  ASSERT_THAT(pair, IsOk());
  std::uint32_t seen = 0;
  ASSERT_THAT(loop_->Add(pair->first.get(), EPOLLIN,
                         [&seen](std::uint32_t events) { seen = events; }),
              IsOk());
  Turn();
  EXPECT_EQ(seen, 0U);
  ASSERT_THAT(loop_->Modify(pair->first.get(), EPOLLIN | EPOLLOUT), IsOk());
  Turn();
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST_F(EventLoopTest, MoreReadyThanOneTurnTakesAreServedInTheNext) {
  std::vector<std::pair<Fd, Fd>> pipes;
  int calls = 0;
  for (int i = 0; i < 100; ++i) {
    pipes.push_back(ReadyPipe());
    const int fd = pipes.back().first.get();
    ASSERT_THAT(loop_->Add(fd, EPOLLIN,
                           [this, &calls, fd](std::uint32_t) {
                             ++calls;
                             loop_->Remove(fd);
                           }),
                IsOk());
  }
  Turn();
  Turn();
  EXPECT_EQ(calls, 100);
}

TEST_F(EventLoopTest, WhatCannotBeWatchedIsAStatus) {
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(loop_->Add(file.get(), EPOLLIN, [](std::uint32_t) {}),
              testing::Not(IsOk()));
  EXPECT_THAT(loop_->Modify(file.get(), EPOLLIN),
              StatusIs(absl::StatusCode::kNotFound));
  loop_->Remove(file.get());  // nothing happens
}

}  // namespace
}  // namespace paceline
