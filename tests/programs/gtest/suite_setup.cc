// Suites whose own set-up or tear-down goes wrong.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

namespace {

void Crash() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  abort();
}

class Sound : public testing::Test {};
TEST_F(Sound, Passes) {}

class FailingSetUp : public testing::Test {
 protected:
  static void SetUpTestSuite() { FAIL() << "the suite's set-up"; }
};
TEST_F(FailingSetUp, First) {}
TEST_F(FailingSetUp, Second) {}

class FailingTearDown : public testing::Test {
 protected:
  static void TearDownTestSuite() { FAIL() << "the suite's tear-down"; }
};
TEST_F(FailingTearDown, First) {}
TEST_F(FailingTearDown, Second) {}

class CrashingSetUp : public testing::Test {
 protected:
  static void SetUpTestSuite() { Crash(); }
};
TEST_F(CrashingSetUp, First) {}
TEST_F(CrashingSetUp, Second) {}

class CrashingTearDown : public testing::Test {
 protected:
  static void TearDownTestSuite() { Crash(); }
};
TEST_F(CrashingTearDown, First) {}
TEST_F(CrashingTearDown, Second) {}

class SkippingSetUp : public testing::Test {
 protected:
  static void SetUpTestSuite() { GTEST_SKIP() << "the suite's set-up"; }
};
TEST_F(SkippingSetUp, Passes) {}
TEST_F(SkippingSetUp, Skips) { GTEST_SKIP(); }

class SucceedingSetUp : public testing::Test {
 protected:
  static void SetUpTestSuite() { SUCCEED() << "the suite's set-up"; }
};
TEST_F(SucceedingSetUp, Fails) { FAIL() << "the only failure here"; }

class SoundAgain : public testing::Test {};
TEST_F(SoundAgain, Passes) {}

}  // namespace
