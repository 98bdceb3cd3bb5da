#include "common/os/health_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "common/base/fd.h"
#include "tests/unit/os/child.h"

namespace paceline {
namespace {

constexpr std::size_t kMiB = 1 << 20;

std::vector<Fd> OpenMany(int count) {
  std::vector<Fd> fds;
  for (int i = 0; i < count; ++i) {
    fds.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(fds.back().valid());
  }
  return fds;
}

// Memory that is there, and goes when asked.
class Ballast {
 public:
  explicit Ballast(std::size_t size) : size_(size) {
    memory_ = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    EXPECT_NE(memory_, MAP_FAILED);
  }
  ~Ballast() { munmap(memory_, size_); }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

 private:
  void* memory_;
  std::size_t size_;
};

void ExpectCountsAgree() {
  const auto by_directory = CountFdsByDirectory();
  ASSERT_TRUE(by_directory.has_value());
  EXPECT_EQ(CountFdsByPoll(), by_directory);
  // Kernels before 6.2 give no size.
  if (const auto by_stat = CountFdsByStat()) {
    EXPECT_EQ(by_stat, by_directory);
  }
  EXPECT_EQ(ReadOwnHealth().open_fds, by_directory);
}

TEST(CountFdsTest, TheWaysAgreeWithFewOpen) { ExpectCountsAgree(); }

TEST(CountFdsTest, TheWaysAgreeWithManyOpen) {
  const std::vector<Fd> fds = OpenMany(900);
  ExpectCountsAgree();
}

TEST(CountFdsTest, TheWaysAgreeWithHoles) {
  std::vector<Fd> fds = OpenMany(300);
  for (std::size_t i = 0; i < fds.size(); i += 3) {
    fds[i].Reset();
  }
  ExpectCountsAgree();
}

TEST(CountFdsTest, EachOpenDescriptorCountsOnce) {
  const auto before = CountFdsByDirectory();
  const std::vector<Fd> fds = OpenMany(17);
  EXPECT_EQ(CountFdsByDirectory(), *before + 17);
}

TEST(CountFdsTest, PollGivesWayWhereTheLimitHidesDescriptors) {
  const std::vector<Fd> fds = OpenMany(100);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit lowered{50, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  const auto by_poll = CountFdsByPoll();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_FALSE(by_poll.has_value());
}

TEST(ReadOwnHealthTest, EveryReadingIsThere) {
  const WorkerHealth health = ReadOwnHealth();
  EXPECT_GT(health.rss_bytes.value_or(0), kMiB / 4);
  EXPECT_GE(health.peak_rss_bytes, health.rss_bytes);
  EXPECT_GE(health.open_fds.value_or(0), 1U);
  EXPECT_GE(health.threads.value_or(0), 1U);
}

TEST(ReadOwnHealthTest, ReadingLeavesNothingOpen) {
  const auto before = ReadOwnHealth().open_fds;
  EXPECT_EQ(ReadOwnHealth().open_fds, before);
}

TEST(ReadOwnHealthTest, RssIsCurrentNotPeak) {
  const std::uint64_t before = *ReadOwnHealth().rss_bytes;
  {
    const Ballast ballast(64 * kMiB);
    EXPECT_GE(*ReadOwnHealth().rss_bytes, before + 60 * kMiB);
  }
  const WorkerHealth after = ReadOwnHealth();
  EXPECT_LT(*after.rss_bytes, before + 32 * kMiB);
  EXPECT_GE(*after.peak_rss_bytes, before + 60 * kMiB);
}

TEST(ReadOwnHealthTest, APeakCanBeForgotten) {
  { const Ballast ballast(64 * kMiB); }
  const std::uint64_t before = *ReadOwnHealth().peak_rss_bytes;
  if (!ResetOwnPeakRss()) {
    GTEST_SKIP() << "this kernel does not let VmHWM be reset";
  }
  EXPECT_LT(*ReadOwnHealth().peak_rss_bytes, before - 32 * kMiB);
}

TEST(ReadHealthTest, AnotherProcessIsReadAsItIs) {
  TestChild child = Start(ChildSpec({"hold-fds", "20"}));
  ASSERT_EQ(child.ReadLine(), "ready");
  const WorkerHealth health = ReadHealth(child.pid);
  EXPECT_EQ(health.open_fds, 23U);
  EXPECT_GT(health.rss_bytes.value_or(0), kMiB / 4);
  EXPECT_GE(health.threads.value_or(0), 1U);
  kill(child.pid, SIGKILL);
  AwaitReadable(child.pidfd.get());
  // Ended, first not reaped, then gone.
  EXPECT_EQ(ReadHealth(child.pid), WorkerHealth{});
  child.Wait();
  EXPECT_EQ(ReadHealth(child.pid), WorkerHealth{});
}

TEST(ReadHealthTest, OurselvesIsTheOwnReading) {
  EXPECT_EQ(ReadHealth(getpid()).open_fds, ReadOwnHealth().open_fds);
}

TEST(AddTreeTest, ReadingsAreSummedAndAbsentOnesStayAbsent) {
  TestChild child = Start(ChildSpec({"hold-fds", "20"}));
  ASSERT_EQ(child.ReadLine(), "ready");
  WorkerHealth base;
  base.open_fds = 100;
  base.threads = 7;
  const WorkerHealth sum = AddTree(base, {child.pid, child.pid});
  EXPECT_EQ(sum.open_fds, 146U);
  EXPECT_GE(sum.threads.value_or(0), 9U);
  EXPECT_FALSE(sum.rss_bytes.has_value());
  EXPECT_FALSE(sum.peak_rss_bytes.has_value());
  kill(child.pid, SIGKILL);
  child.Wait();
  EXPECT_EQ(AddTree(base, {child.pid}), base);
}

TEST(AddTreeTest, PeaksAreNotSummedButNeverBelowWhatIsHeldNow) {
  TestChild child = Start(ChildSpec({"hold-fds", "1"}));
  ASSERT_EQ(child.ReadLine(), "ready");
  WorkerHealth base;
  base.rss_bytes = 1;
  base.peak_rss_bytes = std::uint64_t{1} << 40;
  EXPECT_EQ(AddTree(base, {child.pid}).peak_rss_bytes, base.peak_rss_bytes);
  base.rss_bytes = base.peak_rss_bytes;
  const WorkerHealth sum = AddTree(base, {child.pid});
  EXPECT_EQ(sum.peak_rss_bytes, sum.rss_bytes);
  kill(child.pid, SIGKILL);
  child.Wait();
}

}  // namespace
}  // namespace paceline
