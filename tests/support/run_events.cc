#include "tests/support/run_events.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace paceline {
namespace {

using Json = nlohmann::json;

RunEvents::Attempt ReadAttempt(const Json& event) {
  const Json health = event.value("health", Json::object());
  return {.suite = event.at("suite"),
          .test = event.at("test"),
          .agent = event.value("agent", ""),
          .worker = event.value("worker", 0U),
          .outcome = event.at("outcome"),
          .message = event.value("message", ""),
          .verdict = event.value("verdict", ""),
          .rss_bytes = health.value("rss_bytes", std::uint64_t{0}),
          .open_fds = health.value("open_fds", std::uint64_t{0})};
}

RunEvents::Recycle ReadRecycle(const Json& event) {
  return {.agent = event.at("agent"),
          .worker = event.at("worker"),
          .suite = event.at("suite"),
          .signal = event.at("signal"),
          .reading = event.at("reading"),
          .ceiling = event.at("ceiling"),
          .reason = event.at("reason")};
}

}  // namespace

std::map<std::string, RunEvents::Attempt> RunEvents::Settled(
    const std::string& suite) const {
  std::map<std::string, Attempt> settled;
  for (const Attempt& attempt : attempts) {
    if (attempt.suite == suite && !attempt.verdict.empty()) {
      EXPECT_TRUE(settled.emplace(attempt.test, attempt).second)
          << suite << ": " << attempt.test << " has two verdicts";
    }
  }
  return settled;
}

RunEvents ReadEvents(const std::string& path) {
  RunEvents events;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) {
      ADD_FAILURE() << path << " has a line that is no event: " << line;
      continue;
    }
    const std::string kind = event.at("event");
    if (kind == "attempt") {
      events.attempts.push_back(ReadAttempt(event));
    } else if (kind == "recycled") {
      events.recycles.push_back(ReadRecycle(event));
    } else if (kind == "note") {
      events.notes.push_back(event.at("text"));
    } else if (kind == "run_ended") {
      events.green = event.at("green").get<bool>();
      events.tests = event.at("tests");
      events.without_verdict = event.at("without_verdict");
    }
  }
  return events;
}

}  // namespace paceline
