// The test program is the program under test as well: the warden, and the
// worker of commands.

#include <gmock/gmock.h>

#include "absl/strings/string_view.h"
#include "agent/agent.h"
#include "agent/warden_protocol.h"
#include "worker/command/command_worker.h"

int main(int argc, char** argv) {
  if (argc > 1 && absl::string_view(argv[1]) == "warden") {
    return paceline::RunWarden(paceline::kWardenFd);
  }
  if (argc > 1 && absl::string_view(argv[1]) == "worker") {
    return paceline::RunCommandWorker();
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
