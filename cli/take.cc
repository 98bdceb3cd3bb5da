#include "cli/take.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/base/log.h"
#include "common/config/quantity.h"
#include "common/net/endpoint.h"
#include "common/wire/messages.h"
#include "common/wire/text.h"

namespace paceline {
namespace {

// CPUs' worth of time that the cgroup grants; nothing without a bound.
std::optional<double> CgroupCpus() {
  std::ifstream self("/proc/self/cgroup");
  for (std::string line; std::getline(self, line);) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || fields[0] != "0") {
      continue;
    }
    // The tightest bound on the way up counts.
    std::optional<double> least;
    for (std::string path = fields[2];; path.resize(path.rfind('/'))) {
      std::ifstream file(absl::StrCat("/sys/fs/cgroup", path, "/cpu.max"));
      std::string quota;
      double period = 0;
      double granted = 0;
      if (file >> quota >> period && absl::SimpleAtod(quota, &granted) &&
          period > 0) {
        least = std::min(least.value_or(granted / period), granted / period);
      }
      if (path.empty() || path.rfind('/') == std::string::npos) {
        break;
      }
    }
    return least;
  }
  return std::nullopt;
}

}  // namespace

Take TakeText(std::string* into) {
  return [into](const std::string& text) {
    *into = text;
    return absl::OkStatus();
  };
}

Take TakeList(std::vector<std::string>* into) {
  return [into](const std::string& text) {
    into->push_back(text);
    return absl::OkStatus();
  };
}

Take TakeSwitch(bool* into) {
  return TakeParsed(into, [](const std::string& t) { return ParseBool(t); });
}

Take TakeCount(std::uint32_t* into) {
  return TakeParsed(into, [](const std::string& t) { return ParseCount(t); });
}

Take TakePositive(std::uint32_t* into, std::uint32_t most) {
  return TakeParsed(
      into, [most](const std::string& t) -> absl::StatusOr<std::uint32_t> {
        absl::StatusOr<std::uint32_t> count = ParseCount(t);
        if (count.ok() && *count == 0) {
          return absl::InvalidArgumentError("say 1 or more");
        }
        if (count.ok() && *count > most) {
          return absl::InvalidArgumentError(
              absl::StrCat(*count, " is too many: say ", most, " at most"));
        }
        return count;
      });
}

absl::Status CheckLabel(const std::string& text) {
  if (text.empty()) {
    return absl::InvalidArgumentError("it is empty");
  }
  if (text.size() > kMaxLabelBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        text.size(), " bytes are too many: say ", kMaxLabelBytes, " at most"));
  }
  if (!IsPrintable(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(text),
                     "\" is not UTF-8 without control characters"));
  }
  return absl::OkStatus();
}

Take TakeDuration(Duration* into) {
  return TakeParsed(into,
                    [](const std::string& t) { return ParseDuration(t); });
}

Take TakeLogLevel() {
  return [](const std::string& text) { return SetLogLevel(text); };
}

Take TakeEndpoint(std::string* into, bool listening) {
  return [into, listening](const std::string& text) {
    *into = text;
    return ValidateEndpoint(text, listening);
  };
}

void AddLimits(WorkerLimits* limits, OptionSet& options) {
  options.Add(
      {.key = "max-rss",
       .also = {"--max-memory"},
       .value = "SIZE|none",
       .help = "Replace a worker over this between units (1GiB)",
       .take = TakeParsed(&limits->max_rss_bytes, [](const std::string& t) {
         return ParseByteLimit(t);
       })});
  options.Add(
      {.key = "max-fds",
       .also = {"--max-descriptors"},
       .value = "N|none",
       .help = "The same for open descriptors (200)",
       .take = TakeParsed(&limits->max_open_fds, [](const std::string& t) {
         return ParseCountLimit(t);
       })});
  options.Add({.key = "max-age",
               .value = "TIME|none",
               .help = "The same for a worker's age (10m)",
               .take = TakeParsed(&limits->max_age, [](const std::string& t) {
                 return ParseDurationLimit(t);
               })});
}

absl::Status RefuseUseless(const OptionSet::Parsed& parsed,
                           const std::string& key, absl::string_view why) {
  const auto said = parsed.said.find(key);
  return said == parsed.said.end()
             ? absl::OkStatus()
             : absl::InvalidArgumentError(
                   absl::StrCat(said->second, " has no effect: ", why));
}

std::uint32_t AvailableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = std::max(1, CPU_COUNT(&set));
  }
  if (const std::optional<double> granted = CgroupCpus()) {
    cpus = std::clamp(static_cast<int>(std::ceil(*granted)), 1, cpus);
  }
  return static_cast<std::uint32_t>(cpus);
}

}  // namespace paceline
