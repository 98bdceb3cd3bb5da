#include "tests/support/fleet.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {

CoordinatorProgram::CoordinatorProgram(std::vector<std::string> arguments) {
  std::vector<std::string> argv = {PacelinePath(), "coordinator", "--listen",
                                   "tcp://127.0.0.1:*"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  program_ = std::make_unique<Program>(
      std::move(argv), ProgramOptions{.env = {},
                                      .working_directory = "",
                                      .limit = std::chrono::minutes(4)});
  const std::string line = program_->WaitForLine("tcp://127.0.0.1:");
  const std::size_t at = line.find("tcp://");
  if (at == std::string::npos) {
    ADD_FAILURE() << "the coordinator did not come up: " << program_->err();
    return;
  }
  endpoint_ = line.substr(at, line.find_first_of(" ,;", at) - at);
}

Fleet::Fleet(Options options)
    : coordinator_(std::move(options.coordinator_arguments)) {
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
