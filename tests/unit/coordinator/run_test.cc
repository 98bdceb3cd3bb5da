// One run on its own: its manifest, its end, and when that is green.

#include "coordinator/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

constexpr std::uint64_t kRecord = 1;

class RunTest : public testing::Test {
 protected:
  void Make(RunOptions options = {}) {
    RunId id;
    id.bytes = {1};
    run_.emplace(id, std::move(options), CoordinatorOptions{}, Instant{});
  }
  void SetUp() override { Make(); }

  static TestSpec Spec(const std::string& name) {
    TestSpec spec;
    spec.name = name;
    return spec;
  }
  // The next part, with these tests, of one suite.
  SubmitPart Part(std::vector<TestSpec> tests) {
    SubmitPart part;
    part.run = run_->id();
    part.part = run_->parts() + 1;
    if (part.part == 1) {
      part.suites.emplace_back().name = "suite";
    }
    part.tests = std::move(tests);
    return part;
  }
  void Add(std::vector<TestSpec> tests) {
    SubmitPart part = Part(std::move(tests));
    EXPECT_THAT(run_->CheckPart(part), IsOk());
    for (const SuiteSpec& suite : part.suites) {
      digest_.Add(suite);
    }
    for (const TestSpec& test : part.tests) {
      digest_.Add(test);
    }
    run_->AddPart(std::move(part), kRecord);
  }
  SubmitComplete Complete() {
    SubmitComplete complete;
    complete.run = run_->id();
    complete.parts = run_->parts();
    complete.tests = run_->ledger().tests();
    complete.digest = digest_.Hex();
    return complete;
  }
  void Close(std::vector<DiscoveryError> errors = {}) {
    SubmitComplete complete = Complete();
    complete.errors = std::move(errors);
    EXPECT_THAT(run_->CheckComplete(complete), IsOk());
    run_->Close(complete, kRecord);
  }

  // Leases the next unit; false if there is none.
  bool Lease(LeaseState& lease) {
    std::optional<paceline::Run::Unit> unit = run_->NextUnit(1, std::nullopt);
    if (!unit.has_value()) {
      return false;
    }
    lease = LeaseState();
    lease.token = {1, ++leases_};
    lease.run = &*run_;
    lease.agent = "alpha";
    lease.host = "host";
    lease.suite = unit->suite;
    lease.constrained = run_->constrained(unit->tests.front());
    for (const TestIndex test : unit->tests) {
      lease.tests.push_back({test, run_->Describe(test).attempt});
    }
    run_->OnGranted(lease, InstanceId{});
    return true;
  }
  void End(LeaseState& lease, Outcome outcome) {
    for (const LeasedAttempt& attempt : lease.tests) {
      AttemptItem item;
      item.test = attempt.test;
      item.attempt = attempt.attempt;
      item.result.outcome = outcome;
      run_->OnAttempt(lease, std::move(item), kRecord);
    }
    run_->OnUnitEnd(lease, UnitEndItem{}, /*drained=*/false, kRecord);
  }
  void RunAll(Outcome outcome) {
    LeaseState lease;
    while (Lease(lease)) {
      End(lease, outcome);
    }
  }

  // Ends the run, which is over; the last event, which says so.
  RunEndedEvent Ended() {
    EXPECT_TRUE(run_->IsOver());
    run_->End({}, kRecord);
    EXPECT_FALSE(run_->IsOver()) << "twice";
    std::vector<Event> events;
    while (auto message = run_->events().Next(run_->id(), kRecord)) {
      run_->events().Sent(*message);
      for (const Event& event : message->events) {
        events.push_back(event);
      }
    }
    int ends = 0;
    for (const Event& event : events) {
      ends += std::holds_alternative<RunEndedEvent>(event) ? 1 : 0;
    }
    EXPECT_EQ(ends, 1);
    return events.empty() ? RunEndedEvent{}
                          : std::get<RunEndedEvent>(events.back());
  }

  ManifestDigest digest_;
  std::uint64_t leases_ = 0;
  std::optional<paceline::Run> run_;
};

// ---- the manifest ----------------------------------------------------------

TEST_F(RunTest, PartsFollowEachOther) {
  Add({Spec("1")});
  SubmitPart part = Part({Spec("2")});
  part.part = 1;
  EXPECT_THAT(run_->CheckPart(part),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("part 1 came after part 1")));
  part.part = 3;
  EXPECT_THAT(run_->CheckPart(part),
              StatusIs(absl::StatusCode::kInvalidArgument));
  part.part = 2;
  EXPECT_THAT(run_->CheckPart(part), IsOk());
}

TEST_F(RunTest, APartMayDefineTheSuitesOfItsTests) {
  SubmitPart part = Part({Spec("1")});
  part.tests[0].suite = SuiteIndex{1};
  EXPECT_THAT(run_->CheckPart(part),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("test \"1\" is of suite 1")));
  part.suites.emplace_back().name = "second";
  EXPECT_THAT(run_->CheckPart(part), IsOk());
}

TEST_F(RunTest, NothingFollowsTheClosing) {
  Add({Spec("1")});
  Close();
  EXPECT_THAT(run_->CheckPart(Part({Spec("2")})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("after the last one")));
}

TEST_F(RunTest, AClosingHasToAddUp) {
  Add({Spec("1")});
  SubmitComplete complete = Complete();
  complete.parts = 2;
  EXPECT_THAT(run_->CheckComplete(complete),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("2 parts, and 1 came")));
  complete = Complete();
  complete.tests = 7;
  EXPECT_THAT(run_->CheckComplete(complete),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("7 tests, and 1 came")));
  complete = Complete();
  complete.digest = "0123456789abcdef";
  EXPECT_THAT(
      run_->CheckComplete(complete),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("digest")));
}

// ---- green -----------------------------------------------------------------

TEST_F(RunTest, ARunIsOverOnceItIsClosedAndEachTestHasItsVerdict) {
  Add({Spec("1"), Spec("2")});
  RunAll(Outcome::kPassed);
  EXPECT_FALSE(run_->IsOver());
  Close();
  const RunEndedEvent end = Ended();
  EXPECT_TRUE(end.green);
  EXPECT_FALSE(end.cancelled);
  EXPECT_EQ(end.reason, "");
  EXPECT_EQ(end.tests, 2U);
}

TEST_F(RunTest, ARunIsNotOverWhileALeaseOfItIsOut) {
  Add({Spec("1")});
  Close();
  LeaseState lease;
  ASSERT_TRUE(Lease(lease));
  AttemptItem item;
  item.attempt = 1;
  item.result.outcome = Outcome::kPassed;
  run_->OnAttempt(lease, item, kRecord);
  EXPECT_EQ(run_->ledger().settled(), 1U);
  EXPECT_FALSE(run_->IsOver()) << "its tear-down may fail yet";
  run_->OnUnitEnd(lease, UnitEndItem{}, false, kRecord);
  EXPECT_TRUE(run_->IsOver());
}

TEST_F(RunTest, OneBadVerdictIsEnough) {
  Add({Spec("1"), Spec("2")});
  Close();
  LeaseState lease;
  ASSERT_TRUE(Lease(lease));
  End(lease, Outcome::kFailed);
  RunAll(Outcome::kPassed);
  const RunEndedEvent end = Ended();
  EXPECT_FALSE(end.green);
  EXPECT_EQ(end.reason, "1 test has a bad verdict");
}

TEST_F(RunTest, ADiscoveryErrorIsNeverGreen) {
  Add({Spec("1")});
  Close({{"one", "It crashed."}, {"two", "It hung."}});
  RunAll(Outcome::kPassed);
  const RunEndedEvent end = Ended();
  EXPECT_FALSE(end.green);
  EXPECT_EQ(end.reason, "2 targets could not be looked into");
}

TEST_F(RunTest, AFlakyTestIsGreenUnlessThatIsNotWanted) {
  for (const bool fail_on_flaky : {false, true}) {
    RunOptions options;
    options.retries = 1;
    options.fail_on_flaky = fail_on_flaky;
    digest_ = ManifestDigest();
    Make(options);
    Add({Spec("1")});
    Close();
    LeaseState lease;
    ASSERT_TRUE(Lease(lease));
    End(lease, Outcome::kFailed);
    RunAll(Outcome::kPassed);
    EXPECT_EQ(Ended().green, !fail_on_flaky);
  }
}

// ---- needs that nobody can meet --------------------------------------------

TEST_F(RunTest, ATestThatCanNeverRunDoesNotHoldItsRunUp) {
  RunOptions options;
  options.resources = {{"gpus", {{"0", 1}}}};
  Make(options);
  TestSpec too_much = Spec("too much");
  too_much.constraints.emplace().resource_groups = {{{"gpus", 2}}};
  TestSpec cycle = Spec("cycle");
  cycle.constraints.emplace().after = {"other"};
  TestSpec other = Spec("other");
  other.constraints.emplace().after = {"cycle"};
  Add({too_much, cycle, other});
  Close();
  RunAll(Outcome::kPassed);
  EXPECT_FALSE(Ended().green);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(run_->ledger().VerdictOf(TestIndex{i}), Verdict::kNotRun);
  }
}

TEST_F(RunTest, ASerialTestWaitsForTheClosing) {
  TestSpec serial = Spec("alone");
  serial.constraints.emplace().serial = true;
  Add({serial});
  LeaseState lease;
  EXPECT_FALSE(Lease(lease)) << "what follows may run beside others";
  Close();
  EXPECT_TRUE(Lease(lease));
}

TEST_F(RunTest, NothingIsHandedOutWhileASerialTestRuns) {
  TestSpec serial = Spec("alone");
  serial.constraints.emplace().serial = true;
  TestSpec retried = Spec("first");
  Add({serial, retried});
  Close();
  LeaseState first;
  ASSERT_TRUE(Lease(first));
  EXPECT_EQ(first.tests[0].test, TestIndex{1});
  run_->OnReturned(first, kRecord);
  ASSERT_TRUE(Lease(first));
  End(first, Outcome::kPassed);
  LeaseState alone;
  ASSERT_TRUE(Lease(alone));
  EXPECT_EQ(alone.tests[0].test, TestIndex{0});
  LeaseState none;
  EXPECT_FALSE(Lease(none));
}

// ---- cancelled -------------------------------------------------------------

TEST_F(RunTest, ACancelledRunHandsOutNothingAndEndsWithWhatIsOut) {
  RunOptions options;
  options.max_unit_tests = 1;
  Make(options);
  Add({Spec("1"), Spec("2"), Spec("3")});
  LeaseState one;
  LeaseState two;
  ASSERT_TRUE(Lease(one));
  ASSERT_TRUE(Lease(two));
  run_->Cancel("enough", kRecord);
  LeaseState none;
  EXPECT_FALSE(Lease(none));
  EXPECT_FALSE(run_->IsOver());
  run_->OnReturned(one, kRecord);
  EXPECT_FALSE(run_->IsOver());
  run_->OnLost(two, false, "agent lost", kRecord);
  const RunEndedEvent end = Ended();
  EXPECT_TRUE(end.cancelled);
  EXPECT_FALSE(end.green);
  EXPECT_EQ(end.reason, "enough");
  EXPECT_EQ(run_->ledger().VerdictOf(TestIndex{0}), Verdict::kNotRun);
  EXPECT_EQ(run_->ledger().VerdictOf(TestIndex{1}), Verdict::kLost);
  EXPECT_EQ(run_->ledger().VerdictOf(TestIndex{2}), Verdict::kNotRun);
}

TEST_F(RunTest, ACancelledRunWithAllKindsOfNeedsEnds) {
  std::vector<TestSpec> tests;
  for (int i = 0; i < 8; ++i) {
    TestSpec spec = Spec(absl::StrCat(i));
    Constraints& needs = spec.constraints.emplace();
    needs.serial = i == 0;
    needs.locks = {"db"};
    if (i > 4) {
      needs.after = {absl::StrCat(i - 1)};
    }
    tests.push_back(std::move(spec));
  }
  Add(std::move(tests));
  Close();
  LeaseState lease;
  ASSERT_TRUE(Lease(lease));
  run_->Cancel("enough", kRecord);
  EXPECT_EQ(run_->queued(), 0U);
  End(lease, Outcome::kFailed);
  EXPECT_TRUE(run_->IsOver());
  EXPECT_EQ(run_->ledger().settled(), 8U);
}

TEST_F(RunTest, EnoughBadVerdictsAreSaidOnce) {
  RunOptions options;
  options.max_fail = 2;
  options.max_unit_tests = 1;
  Make(options);
  Add({Spec("1"), Spec("2"), Spec("3")});
  LeaseState lease;
  ASSERT_TRUE(Lease(lease));
  End(lease, Outcome::kFailed);
  EXPECT_EQ(run_->TooManyFailures(), std::nullopt);
  ASSERT_TRUE(Lease(lease));
  End(lease, Outcome::kError);
  EXPECT_THAT(run_->TooManyFailures(), Optional(HasSubstr("--max-fail is 2")));
  run_->Cancel(*run_->TooManyFailures(), kRecord);
  EXPECT_EQ(run_->TooManyFailures(), std::nullopt);
}

TEST_F(RunTest, WithoutABoundNoNumberOfFailuresIsTooMany) {
  Add({Spec("1"), Spec("2")});
  RunAll(Outcome::kFailed);
  EXPECT_EQ(run_->TooManyFailures(), std::nullopt);
}

}  // namespace
}  // namespace paceline
