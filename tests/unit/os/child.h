// The other side of these tests: the test program run again, as the child that
// shows what it was started with. main() calls RunChild before GoogleTest.

#ifndef PACELINE_TESTS_UNIT_OS_CHILD_H_
#define PACELINE_TESTS_UNIT_OS_CHILD_H_

#include <string>
#include <utility>
#include <vector>

#include "common/os/subprocess.h"

namespace paceline {

// What `argv` asks for with "--child=MODE [ARGUMENT…]"; its exit code, or -1
// when it asks for nothing.
int RunChild(int argc, char** argv);

// How to start this program as a child of `mode`, in our environment.
SpawnSpec ChildSpec(std::vector<std::string> mode);

// A child whose standard output is read by the test.
struct TestChild {
  pid_t pid = -1;
  Fd pidfd;
  Fd out;

  // Reads to the end of its output, then waits for its own.
  std::string ReadAll();
  // Reads one line; it says so when it is ready.
  std::string ReadLine();
  // Blocks until it has ended, and reaps it.
  WaitStatus Wait();
};

// Fails the test when it cannot be started.
TestChild Start(SpawnSpec spec);

// Blocks until `fd` is readable.
void AwaitReadable(int fd);

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_OS_CHILD_H_
