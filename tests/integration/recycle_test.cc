// Soft recycling, whole: real workers that become a burden in one way each are
// replaced by a real agent for that reason and no other; no test is lost, and
// whoever sets a scope up tears it down. tests/programs/worker/burden.cc says
// what the workers do; where the decision lies exactly is for the tests in
// tests/unit/agent_pool.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "tests/support/fleet.h"
#include "tests/support/program.h"
#include "tests/support/run_events.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// What worker_burden lists, each scope a unit.
constexpr std::size_t kScopes = 12;
constexpr std::size_t kTests = 36;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// A line of worker_burden's log.
struct Step {
  std::string what;   // start, set-up, tear-down, die, leave
  std::string scope;  // of set-up, tear-down and die
  std::string pid;
};

class RecycleTest : public testing::Test {
 protected:
  struct Ceilings {
    std::string rss = "none";
    std::string fds = "none";
    std::string age = "none";
  };

  // Runs worker_burden in `mode` here, on so many workers.
  void Run(const std::string& mode, const Ceilings& ceilings, int workers = 1) {
    Run(mode, {"--workers", absl::StrCat(workers), "--max-rss", ceilings.rss,
               "--max-fds", ceilings.fds, "--max-age", ceilings.age});
  }

  void Run(const std::string& mode, const std::vector<std::string>& flags) {
    std::vector<std::string> argv = {PacelinePath(), "run",   "--runner",
                                     "worker",       Suite(), "--json",
                                     JsonPath()};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.insert(argv.end(), {"--log-level", log_level_, "--", mode, LogPath()});
    run_ = RunProgram(std::move(argv));
    events_ = ReadEvents(JsonPath());
    ExpectNoTestIsLost();
    ExpectScopesAreTornDownWhereTheyWereSetUp();
  }

  static std::string Suite() { return TestProgramPath("worker/worker_burden"); }
  std::string JsonPath() const { return scratch_.path() + "/events.json"; }
  std::string LogPath() const { return scratch_.path() + "/processes"; }

  // Every test ran once and passed.
  void ExpectNoTestIsLost() const {
    EXPECT_EQ(run_->exit_code(), 0) << run_->out() << run_->err();
    EXPECT_EQ(events_.green, true);
    EXPECT_EQ(events_.tests, kTests);
    EXPECT_EQ(events_.without_verdict, 0U);
    EXPECT_THAT(events_.attempts, SizeIs(kTests));
    const auto settled = events_.Settled(Suite());
    EXPECT_THAT(settled, SizeIs(kTests));
    for (const auto& [test, attempt] : settled) {
      EXPECT_EQ(attempt.verdict, "passed") << test << ": " << attempt.message;
    }
  }

  std::vector<Step> Steps() const {
    std::vector<Step> steps;
    for (const absl::string_view line :
         absl::StrSplit(ReadFile(LogPath()), '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      steps.push_back(
          {words.front(), words.size() == 3 ? words[1] : "", words.back()});
    }
    return steps;
  }

  // No process leaves or ends with a scope open, and none is set up twice.
  void ExpectScopesAreTornDownWhereTheyWereSetUp() const {
    std::map<std::string, std::string> open;  // by pid
    std::set<std::string> left;
    std::multiset<std::string> set_up;
    for (const Step& step : Steps()) {
      SCOPED_TRACE(absl::StrCat(step.what, " ", step.scope, " ", step.pid));
      EXPECT_FALSE(left.contains(step.pid));
      std::string& scope = open[step.pid];
      if (step.what == "tear-down") {
        EXPECT_EQ(scope, step.scope);
        scope.clear();
        continue;
      }
      EXPECT_EQ(scope, "");
      if (step.what == "set-up") {
        scope = step.scope;
        set_up.insert(step.scope);
      } else if (step.what == "leave") {
        left.insert(step.pid);
      }
    }
    for (const auto& [pid, scope] : open) {
      EXPECT_EQ(scope, "") << "of " << pid;
    }
    EXPECT_THAT(set_up, SizeIs(kScopes));
    EXPECT_THAT(std::set<std::string>(set_up.begin(), set_up.end()),
                SizeIs(kScopes));
  }

  // With one slot: a worker goes when the one that takes over from it is there,
  // not before.
  void ExpectReplacementsWarmUpFirst() const {
    std::vector<std::string> served;
    std::map<std::string, std::size_t> started;
    std::map<std::string, std::size_t> left;
    const std::vector<Step> steps = Steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (step.what == "start") {
        started[step.pid] = i;
      } else if (step.what == "leave") {
        left[step.pid] = i;
      } else if (served.empty() || served.back() != step.pid) {
        served.push_back(step.pid);
      }
    }
    EXPECT_THAT(served, SizeIs(Ge(2U)));
    for (std::size_t i = 0; i + 1 < served.size(); ++i) {
      if (left.contains(served[i])) {
        EXPECT_LT(started[served[i + 1]], left[served[i]])
            << served[i] << " left before " << served[i + 1] << " was there";
      }
    }
  }

  // All recycles are for `signal`, and say so everywhere.
  void ExpectEachSaysWhy(const std::string& signal,
                         const std::string& pattern) const {
    std::set<std::uint32_t> workers;
    for (const RunEvents::Recycle& recycle : events_.recycles) {
      EXPECT_EQ(recycle.signal, signal);
      EXPECT_EQ(recycle.suite, Suite());
      EXPECT_GE(recycle.reading, recycle.ceiling);
      EXPECT_THAT(recycle.reason, MatchesRegex(pattern));
      EXPECT_TRUE(workers.insert(recycle.worker).second)
          << "worker " << recycle.worker << " was recycled twice";
    }
    ASSERT_THAT(events_.recycles, testing::Not(IsEmpty()));
    const std::size_t count = events_.recycles.size();
    EXPECT_THAT(run_->out(),
                AllOf(HasSubstr(absl::StrCat("Replaced ", count, " worker")),
                      HasSubstr(absl::StrCat(count, " of ", Suite(), ": ",
                                             count > 1 ? "last " : "",
                                             events_.recycles.back().reason))));
  }

  void ExpectTheLogSaysWhy(const std::string& log) const {
    for (const RunEvents::Recycle& recycle : events_.recycles) {
      EXPECT_THAT(log, HasSubstr(absl::StrCat("recycling worker ",
                                              recycle.worker, " of suite ",
                                              Suite(), ": ", recycle.reason)));
    }
    EXPECT_EQ(Count(log, "recycling worker"),
              static_cast<int>(events_.recycles.size()));
  }

  // How many tests each worker ran.
  std::map<std::uint32_t, std::size_t> TestsByWorker() const {
    std::map<std::uint32_t, std::size_t> tests;
    for (const RunEvents::Attempt& attempt : events_.attempts) {
      ++tests[attempt.worker];
    }
    return tests;
  }

  // The sentences about ceilings that cannot be met.
  std::vector<std::string> Unattainable() const {
    std::vector<std::string> notes;
    for (const std::string& note : events_.notes) {
      if (absl::StrContains(note, "cannot be met")) {
        notes.push_back(note);
      }
    }
    return notes;
  }

  ScratchDir scratch_;
  std::string log_level_ = "info";
  std::unique_ptr<Program> run_;
  RunEvents events_;
};

TEST_F(RecycleTest, AWorkerThatLeaksMemoryIsReplacedAtItsCeiling) {
  // 24 MiB a scope: the fourth one reaches it.
  Run("leaks-memory", {.rss = "88MiB", .fds = "200", .age = "10m"});
  EXPECT_THAT(events_.recycles, SizeIs(3));
  ExpectEachSaysWhy("memory", "memory [0-9.]+ MiB >= 88\\.0 MiB");
  ExpectTheLogSaysWhy(run_->err());
  ExpectReplacementsWarmUpFirst();
  for (const auto& [worker, tests] : TestsByWorker()) {
    EXPECT_EQ(tests, 12U) << "on worker " << worker;
  }
}

TEST_F(RecycleTest, AWorkerThatLeaksDescriptorsIsReplacedAtItsCeiling) {
  // 30 a scope: the fourth one reaches it.
  Run("leaks-descriptors", {.rss = "1GiB", .fds = "110", .age = "10m"});
  EXPECT_THAT(events_.recycles, SizeIs(3));
  ExpectEachSaysWhy("descriptors", "descriptors [0-9]+ >= 110");
  ExpectTheLogSaysWhy(run_->err());
  ExpectReplacementsWarmUpFirst();
  for (const auto& [worker, tests] : TestsByWorker()) {
    EXPECT_EQ(tests, 12U) << "on worker " << worker;
  }
}

TEST_F(RecycleTest, AWorkerThatIsOnlyOldIsReplacedForItsAge) {
  // 30 ms a scope, or more on a busy machine: the third one reaches it, or one
  // before.
  Run("grows-old", {.rss = "1GiB", .fds = "200", .age = "75ms"});
  EXPECT_THAT(events_.recycles, SizeIs(AllOf(Ge(kScopes / 3), Le(kScopes))));
  ExpectEachSaysWhy("age", "age [0-9.]+ m?s >= 75 ms");
  ExpectTheLogSaysWhy(run_->err());
  ExpectReplacementsWarmUpFirst();
  for (const auto& [worker, tests] : TestsByWorker()) {
    EXPECT_LE(tests, 9U) << "on worker " << worker;
  }
}

TEST_F(RecycleTest, WithoutCeilingsNothingIsEverReplaced) {
  for (const char* mode : {"leaks-memory", "leaks-descriptors", "grows-old"}) {
    SCOPED_TRACE(mode);
    scratch_.Write("processes", "");
    Run(mode, Ceilings());
    EXPECT_THAT(events_.recycles, IsEmpty());
    EXPECT_THAT(TestsByWorker(), SizeIs(1));
    EXPECT_EQ(Count(run_->out(), "Replaced"), 0);
  }
}

TEST_F(RecycleTest, DescriptorsThatAScopeAloneHoldsReplaceNothing) {
  Run("holds-descriptors", {.rss = "1GiB", .fds = "60", .age = "10m"});
  // They were there while the tests ran.
  EXPECT_THAT(events_.attempts,
              Each(Field(&RunEvents::Attempt::open_fds, Ge(60U))));
  EXPECT_THAT(events_.recycles, IsEmpty());
  EXPECT_THAT(TestsByWorker(), SizeIs(1));
  EXPECT_THAT(Unattainable(), IsEmpty());
}

TEST_F(RecycleTest, MemoryThatAScopeAloneHoldsReplacesNothing) {
  Run("holds-memory", {.rss = "48MiB", .fds = "200", .age = "10m"});
  EXPECT_THAT(events_.attempts,
              Each(Field(&RunEvents::Attempt::rss_bytes, Ge(48 * kMiB))));
  EXPECT_THAT(events_.recycles, IsEmpty());
  EXPECT_THAT(TestsByWorker(), SizeIs(1));
  EXPECT_THAT(Unattainable(), IsEmpty());
}

TEST_F(RecycleTest, CeilingsBelowAWorkersStartAreSaidOnceAndReplaceNothing) {
  // As people leave it: what they see then is what counts.
  log_level_ = "warning";
  Run("starts-large", {.rss = "48MiB", .fds = "60", .age = "10m"}, 2);
  EXPECT_THAT(events_.recycles, IsEmpty());
  EXPECT_THAT(TestsByWorker(), SizeIs(Le(2U)));
  ASSERT_THAT(Unattainable(), SizeIs(1));
  EXPECT_THAT(Unattainable()[0],
              AllOf(HasSubstr("before its first test, so the ceiling of 48.0 "
                              "MiB of memory cannot be met"),
                    HasSubstr("before its first test, so the ceiling of 60 "
                              "open descriptors cannot be met")));
  const std::string shown = run_->out() + run_->err();
  EXPECT_EQ(Count(shown, "48.0 MiB of memory cannot be met"), 1);
  EXPECT_EQ(Count(shown, "60 open descriptors cannot be met"), 1);
}

TEST_F(RecycleTest, ACeilingBelowWhatTheFirstUnitLoadsReplacesOneWorkerOnly) {
  Run("loads-late", {.rss = "48MiB", .fds = "200", .age = "10m"});
  // The first might have been a leak; the second one tells.
  EXPECT_THAT(events_.recycles, SizeIs(1));
  ExpectEachSaysWhy("memory", "memory [0-9.]+ MiB >= 48\\.0 MiB");
  ExpectTheLogSaysWhy(run_->err());
  EXPECT_THAT(TestsByWorker(), SizeIs(2));
  EXPECT_EQ(TestsByWorker().begin()->second, 3U);
  ASSERT_THAT(Unattainable(), SizeIs(1));
  EXPECT_THAT(Unattainable()[0],
              HasSubstr("after its first unit, so the ceiling of 48.0 MiB of "
                        "memory cannot be met"));
}

TEST_F(RecycleTest, ReplacingWorkersDoesNotUseUpTheCrashBudget) {
  // Two processes die at the last scope's door, and a third would make it an
  // error. By then at least three were replaced.
  Run("breaks-down", {.rss = "none", .fds = "none", .age = "75ms"});
  EXPECT_THAT(events_.recycles, SizeIs(Ge(3U)));
  ExpectEachSaysWhy("age", "age [0-9.]+ m?s >= 75 ms");
  const std::vector<Step> steps = Steps();
  EXPECT_EQ(std::count_if(steps.begin(), steps.end(),
                          [](const Step& step) { return step.what == "die"; }),
            2);
}

TEST_F(RecycleTest, AnAgentOfAFleetGoesByItsOwnFlags) {
  Fleet fleet({.agents = 1,
               .workers = 1,
               .agent_arguments = {"--max-rss", "none", "--max-fds", "110",
                                   "--max-age", "none"}});
  // What the run's file says holds for workers that it has itself.
  Run("leaks-descriptors",
      {"--coordinator", fleet.endpoint(), "--config",
       scratch_.Write("ceilings.toml",
                      "[run]\nmax-fds = 40\nmax-age = \"1ms\"\n")});
  EXPECT_THAT(events_.recycles, SizeIs(3));
  ExpectEachSaysWhy("descriptors", "descriptors [0-9]+ >= 110");
  EXPECT_THAT(events_.recycles,
              Each(Field(&RunEvents::Recycle::agent, "agent-0")));
  ASSERT_TRUE(fleet.agent(0).WaitFor(
      absl::StrCat("recycling worker ", events_.recycles.back().worker)));
  ExpectTheLogSaysWhy(fleet.agent(0).err());
  ExpectReplacementsWarmUpFirst();
}

}  // namespace
}  // namespace paceline
