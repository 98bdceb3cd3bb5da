// An environment that fails, skips or dies where its first argument says:
// set-up=fail, set-up=skip, set-up=crash, tear-down=fail, tear-down=crash,
// main=fail (an assertion before RUN_ALL_TESTS).

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <string>

namespace {

std::string mode;

void Do(const std::string& phase) {
  if (mode == phase + "=fail") {
    FAIL() << phase << " of the environment";
  }
  if (mode == phase + "=skip") {
    GTEST_SKIP() << "nothing to test here";
  }
  if (mode == phase + "=crash") {
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    abort();
  }
}

class FaultyEnvironment : public testing::Environment {
  void SetUp() override { Do("set-up"); }
  void TearDown() override { Do("tear-down"); }
};

TEST(First, Passes) {}
TEST(First, PassesToo) {}
TEST(Second, Passes) {}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  mode = argc > 1 ? argv[1] : "";
  testing::AddGlobalTestEnvironment(new FaultyEnvironment);
  if (mode == "main=fail") {
    ADD_FAILURE() << "in main, outside of any test";
  }
  return RUN_ALL_TESTS();
}
