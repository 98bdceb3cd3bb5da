// The one program, `paceline`: picks the subcommand.
//
// An agent starts this program for its warden and for each worker, so those
// two come first, before anything that costs time.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/agent.h"
#include "agent/warden_protocol.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "common/base/version.h"
#include "common/config/nearest.h"
#include "common/os/subprocess.h"
#include "worker/command/command_worker.h"
#include "worker/ctest/ctest_worker.h"
#include "worker/gtest/gtest_worker.h"
#include "worker/python/python_worker.h"

namespace paceline {
namespace {

constexpr char kHelp[] =
    "Runs tests, here or on many machines.\n"
    "\n"
    "  paceline run [TARGET...] [-- ARGUMENTS]   run tests\n"
    "  paceline list [TARGET...]                 show what would run\n"
    "  paceline coordinator                      hand tests out to agents\n"
    "  paceline agent                            run tests on this host\n"
    "  paceline status                           show a coordinator's fleet\n"
    "  paceline version                          print the version\n"
    "\n"
    "A TARGET is a CTest build directory, a GoogleTest program, or a file or\n"
    "folder of Python tests; without one, ARGUMENTS are a command to run as a\n"
    "test. Each subcommand has --help.\n"
    "\n"
    "Exit codes: 0 green, 1 a test failed, 2 usage or configuration,\n"
    "3 infrastructure, 4 no test selected, 130 interrupted.\n";

int Worker(absl::string_view runner) {
  if (runner == "gtest") {
    return RunGtestWorker();
  }
  if (runner == "ctest") {
    return RunCtestWorker();
  }
  if (runner == "command") {
    return RunCommandWorker();
  }
  if (IsPythonRunner(runner)) {
    return RunPythonWorker(runner);
  }
  WriteSentence(absl::StrCat("there is no worker for the runner \"", runner,
                             "\" in this program; an agent and the run that "
                             "uses it need the same version of paceline"));
  return static_cast<int>(ExitCode::kUsage);
}

// What is opened next takes the lowest number that is free: with standard
// output closed that was a report, and the summary went into it. Read-only, so
// that a write fails as it would on a closed one.
void FillStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) {
      open("/dev/null", O_RDONLY);
    }
  }
}

int Main(int argc, char** argv) {
  FillStandardDescriptors();
  const absl::string_view command = argc > 1 ? argv[1] : "";
  if (command == "worker" && argc == 3) {
    return Worker(argv[2]);
  }
  if (command == "warden") {
    return RunWarden(kWardenFd);
  }
  if (command == "version" || command == "--version") {
    WriteAll(STDOUT_FILENO, absl::StrCat("paceline ", ProgramVersion(), "\n"));
    return 0;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    WriteAll(STDOUT_FILENO, kHelp);
    return 0;
  }
  Invocation invocation;
  invocation.command = std::string(command);
  invocation.arguments.assign(argv + std::min(argc, 2), argv + argc);
  invocation.environment = CurrentEnvironment();
  if (command == "run") {
    return RunCommand(invocation);
  }
  if (command == "list") {
    return ListCommand(invocation);
  }
  if (command == "coordinator") {
    return CoordinatorCommand(invocation);
  }
  if (command == "agent") {
    return AgentCommand(invocation);
  }
  if (command == "status") {
    return StatusCommand(invocation);
  }
  if (command.empty()) {
    WriteAll(STDERR_FILENO, kHelp);
  } else {
    WriteSentence(absl::StrCat(
        "there is no subcommand \"", command, "\"; the nearest is ",
        Nearest(command, {"run", "list", "coordinator", "agent", "status",
                          "version", "help"}),
        ". All are in paceline --help"));
  }
  return static_cast<int>(ExitCode::kUsage);
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) { return paceline::Main(argc, argv); }
