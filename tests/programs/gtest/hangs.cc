// Takes its time where its first argument says, outside of cases:
// static, set-up, suite-set-up, suite-tear-down, tear-down or exit, each with
// "=hang" or "=" and milliseconds. Or a case does as it is told by SIGTERM:
// case=cleans-up or case=ignores.

#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace {

// As its own main would see it; static initialisers have no arguments.
std::string Mode() {
  static const std::string mode = [] {
    std::ifstream file("/proc/self/cmdline");
    std::string argument;
    std::getline(file, argument, '\0');
    std::getline(file, argument, '\0');
    return argument;
  }();
  return mode;
}

bool Lists() {
  std::ifstream file("/proc/self/cmdline");
  const std::string line(std::istreambuf_iterator<char>(file), {});
  return line.find("--gtest_list_tests") != std::string::npos;
}

void Take(const std::string& phase) {
  const std::string mode = Mode();
  if (Lists() || mode.rfind(phase + "=", 0) != 0) {
    return;
  }
  const std::string time = mode.substr(phase.size() + 1);
  std::this_thread::sleep_for(time == "hang"
                                  ? std::chrono::milliseconds(3'600'000)
                                  : std::chrono::milliseconds(stoi(time)));
}

struct AtLoad {
  AtLoad() { Take("static"); }
} at_load;

class SlowEnvironment : public testing::Environment {
  void SetUp() override { Take("set-up"); }
  void TearDown() override { Take("tear-down"); }
};

class Slow : public testing::Test {
 protected:
  static void SetUpTestSuite() { Take("suite-set-up"); }
  static void TearDownTestSuite() { Take("suite-tear-down"); }
};
TEST_F(Slow, First) {}
TEST_F(Slow, Second) {}
TEST_F(Slow, Third) {}

volatile sig_atomic_t told = 0;

class OnTerm : public testing::Test {};
TEST_F(OnTerm, Waits) {
  const std::string mode = Mode();
  if (mode == "case=ignores") {
    signal(SIGTERM, SIG_IGN);
  } else if (mode == "case=cleans-up") {
    signal(SIGTERM, [](int) { told = 1; });
  } else {
    return;
  }
  printf("waiting\n");
  fflush(stdout);
  while (told == 0) {
    usleep(1000);
  }
  printf("put away\n");
  fflush(stdout);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new SlowEnvironment);
  const int status = RUN_ALL_TESTS();
  Take("exit");
  return status;
}
