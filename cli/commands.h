// The subcommands of the program. Each returns its exit code.

#ifndef PACELINE_CLI_COMMANDS_H_
#define PACELINE_CLI_COMMANDS_H_

#include "cli/settings.h"

namespace paceline {

int RunCommand(const Invocation& invocation);
int ListCommand(const Invocation& invocation);
int CoordinatorCommand(const Invocation& invocation);
int AgentCommand(const Invocation& invocation);
int StatusCommand(const Invocation& invocation);

}  // namespace paceline

#endif  // PACELINE_CLI_COMMANDS_H_
