#include "tests/support/fleet.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {

CoordinatorProgram::CoordinatorProgram(std::vector<std::string> arguments,
                                       std::string listen)
    : argv_({PacelinePath(), "coordinator", "--listen", std::move(listen)}) {
  argv_.insert(argv_.end(), arguments.begin(), arguments.end());
  Start();
}

void CoordinatorProgram::Start() {
  program_ = std::make_unique<Program>(
      argv_, ProgramOptions{.env = {},
                            .working_directory = "",
                            .limit = std::chrono::minutes(4)});
  constexpr absl::string_view kBefore = "listening at ";
  const std::string line = program_->WaitForLine(kBefore);
  const std::size_t at = line.find(std::string(kBefore));
  if (at == std::string::npos) {
    ADD_FAILURE() << "the coordinator did not come up: " << program_->err();
    return;
  }
  const std::size_t begin = at + kBefore.size();
  endpoint_ = line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

void CoordinatorProgram::KillAndStartAgain() {
  program_->Signal(SIGKILL);
  EXPECT_TRUE(program_->WaitForExit());
  Start();
}

Fleet::Fleet(Options options)
    : coordinator_(std::move(options.coordinator_arguments),
                   std::move(options.listen)) {
  for (std::size_t i = 0; i < options.agents; ++i) {
    std::vector<std::string> argv = {
        PacelinePath(), "agent",
        "--connect",    endpoint(),
        "--name",       absl::StrCat("agent-", i),
        "--workers",    absl::StrCat(options.workers)};
    argv.insert(argv.end(), options.agent_arguments.begin(),
                options.agent_arguments.end());
    agents_.push_back(
        std::make_unique<Program>(std::move(argv), options.agent_options));
  }
  for (std::size_t i = 0; i < options.agents; ++i) {
    EXPECT_TRUE(coordinator().WaitFor(absl::StrCat("agent-", i)))
        << agents_[i]->err();
  }
}

}  // namespace paceline
