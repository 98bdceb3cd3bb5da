// The JSON events of a run (docs/json-events.md), read back by tests of the
// whole.

#ifndef PACELINE_TESTS_SUPPORT_RUN_EVENTS_H_
#define PACELINE_TESTS_SUPPORT_RUN_EVENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace paceline {

struct RunEvents {
  struct Attempt {
    std::string suite;
    std::string test;
    std::string agent;
    std::uint32_t worker = 0;
    std::string outcome;
    std::string message;
    std::string verdict;  // empty: not the last attempt
    // The worker's readings after the test; 0 where it told none.
    std::uint64_t rss_bytes = 0;
    std::uint64_t open_fds = 0;
  };
  struct Recycle {
    std::string agent;
    std::uint32_t worker = 0;
    std::string suite;
    std::string signal;
    std::uint64_t reading = 0;
    std::uint64_t ceiling = 0;
    std::string reason;
  };

  std::vector<Attempt> attempts;
  std::vector<Recycle> recycles;
  std::vector<std::string> notes;
  // Of the end; absent where the run did not come to it.
  std::optional<bool> green;
  std::uint64_t tests = 0;
  std::uint64_t without_verdict = 0;

  // The attempt that settled each test of `suite`, by the test's name. Fails
  // the test if one was settled twice.
  std::map<std::string, Attempt> Settled(const std::string& suite) const;
};

// Fails the test where a line is no event.
RunEvents ReadEvents(const std::string& path);

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_RUN_EVENTS_H_
