// Parsers of options' values, made into what an Option calls.

#ifndef PACELINE_CLI_TAKE_H_
#define PACELINE_CLI_TAKE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/option_set.h"
#include "common/base/clock.h"
#include "common/model/worker_limits.h"

namespace paceline {

using Take = std::function<absl::Status(const std::string&)>;

// Whatever `parse` makes of a value goes to `*into`.
template <typename T, typename Parse>
Take TakeParsed(T* into, Parse parse) {
  return [into, parse](const std::string& text) -> absl::Status {
    auto parsed = parse(text);
    if (!parsed.ok()) {
      return parsed.status();
    }
    *into = *std::move(parsed);
    return absl::OkStatus();
  };
}

Take TakeText(std::string* into);
Take TakeList(std::vector<std::string>* into);
Take TakeSwitch(bool* into);
Take TakeCount(std::uint32_t* into);
// At least one, at most `most`.
Take TakePositive(
    std::uint32_t* into,
    std::uint32_t most = std::numeric_limits<std::uint32_t>::max());
// What people read of an agent: kMaxLabelBytes of UTF-8 without control
// characters, as the fleet protocol has it.
absl::Status CheckLabel(const std::string& text);
Take TakeDuration(Duration* into);
// The log level of this program, at once.
Take TakeLogLevel();
// An endpoint to dial, or to listen at.
Take TakeEndpoint(std::string* into, bool listening);

// --max-rss, --max-fds and --max-age, which local runs and agents have.
void AddLimits(WorkerLimits* limits, OptionSet& options);

// Returns kInvalidArgument, with `why`, if `key` was said for this one command.
absl::Status RefuseUseless(const OptionSet::Parsed& parsed,
                           const std::string& key, absl::string_view why);

// The CPUs that this process may use: affinity and cgroup quota.
std::uint32_t AvailableCpus();

}  // namespace paceline

#endif  // PACELINE_CLI_TAKE_H_
