// Discovery of commands: the one on the command line, or one a line of a file.

#ifndef PACELINE_WORKER_COMMAND_COMMAND_DISCOVERER_H_
#define PACELINE_WORKER_COMMAND_COMMAND_DISCOVERER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "worker/discovery/discovery.h"

namespace paceline {

inline constexpr char kCommandRunner[] = "command";

// A target without a path is one command: its arguments, run as they are. A
// target with a path is a text file: each line is a test, run by `/bin/sh -c`
// with the target's arguments as $1, $2, …. Blank lines, and those that begin
// with '#', are none. A line that is one program with arguments replaces its
// shell, so that the program's own end is seen.
class CommandDiscoverer final : public Discoverer {
 public:
  absl::string_view runner() const override { return kCommandRunner; }
  // Never by looking: `--` or `--runner command` says so.
  bool Recognises(const std::string& path) const override;
  void Discover(const Target& target, const DiscoveryOptions& options,
                DiscoverySink& sink) const override;
};

// A test's payload: its arguments, each ended by NUL.
std::string EncodeCommand(const std::vector<std::string>& argv);
std::vector<std::string> DecodeCommand(absl::string_view payload);

}  // namespace paceline

#endif  // PACELINE_WORKER_COMMAND_COMMAND_DISCOVERER_H_
