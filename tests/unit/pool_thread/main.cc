// The test program is the program under test as well: the warden, the worker of
// commands, and a template of such workers.

#include <gmock/gmock.h>

#include "absl/strings/string_view.h"
#include "agent/agent.h"
#include "agent/warden_protocol.h"
#include "tests/unit/pool_thread/fake_template.h"
#include "worker/command/command_worker.h"

int main(int argc, char** argv) {
  if (argc > 1 && absl::string_view(argv[1]) == "warden") {
    return paceline::RunWarden(paceline::kWardenFd);
  }
  if (argc > 1 && absl::string_view(argv[1]) == "worker") {
    return paceline::RunCommandWorker();
  }
  if (argc > 2 && absl::string_view(argv[1]) == "template") {
    return paceline::RunFakeTemplate(argv[2]);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
