#include "common/os/start_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstddef>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

TEST(StartThreadTest, RunsTheBody) {
  bool ran = false;
  auto thread = StartThread("a test", [&ran] { ran = true; });
  ASSERT_THAT(thread, IsOk());
  thread->join();
  EXPECT_TRUE(ran);
}

// std::thread throws, and nobody caught that: a test that had used up the
// user's processes ended the whole run.
TEST(StartThreadTest, WhereThereCanBeNoThreadThatIsSaid) {
  pthread_attr_t usual;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t huge = usual;
  ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 60), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const auto thread = StartThread("a test", [] {});
  ASSERT_EQ(pthread_setattr_default_np(&usual), 0);
  EXPECT_THAT(thread, StatusIs(absl::StatusCode::kUnavailable,
                               testing::HasSubstr("a thread for a test")));
}

}  // namespace
}  // namespace paceline
