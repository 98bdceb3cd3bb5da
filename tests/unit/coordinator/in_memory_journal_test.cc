// What the journal in memory keeps, and for how long.

#include "coordinator/in_memory_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using Retention = InMemoryJournal::Retention;
using testing::ElementsAre;
using testing::SizeIs;

RunId MakeRun(std::uint8_t number) {
  RunId run;
  run.bytes = {number};
  return run;
}

// The kinds of what Load visits, in order.
std::vector<std::size_t> Kinds(InMemoryJournal& journal) {
  std::vector<std::size_t> kinds;
  EXPECT_THAT(journal.Load([&kinds](const Record& record) {
    kinds.push_back(record.index());
  }),
              IsOk());
  return kinds;
}

LeaseGranted Granted(std::uint8_t run, std::uint64_t counter) {
  LeaseGranted record;
  record.run = MakeRun(run);
  record.token = {1, counter};
  return record;
}

TEST(InMemoryJournalTest, RecordsAreNumberedAndCommittedAtOnce) {
  for (const Retention retention :
       {Retention::kNothing, Retention::kUntilForgotten}) {
    InMemoryJournal journal(retention);
    EXPECT_EQ(journal.committed(), 0U);
    EXPECT_EQ(journal.Append(EpochRaised{1}), 1U);
    EXPECT_EQ(journal.Append(RunOpened{MakeRun(1), {}}), 2U);
    EXPECT_EQ(journal.committed(), 2U);
    EXPECT_EQ(journal.Append(RunForgotten{MakeRun(1)}), 3U);
    EXPECT_EQ(journal.committed(), 3U);
  }
}

TEST(InMemoryJournalTest, WhereNothingIsKeptNothingIsLoaded) {
  InMemoryJournal journal(Retention::kNothing);
  journal.Append(EpochRaised{1});
  journal.Append(RunOpened{MakeRun(1), {}});
  EXPECT_THAT(journal.records(), SizeIs(0));
  EXPECT_THAT(Kinds(journal), SizeIs(0));
}

TEST(InMemoryJournalTest, WhatIsKeptIsLoadedInOrder) {
  InMemoryJournal journal(Retention::kUntilForgotten);
  journal.Append(EpochRaised{1});
  journal.Append(RunOpened{MakeRun(1), {}});
  journal.Append(RunCancelled{MakeRun(1), "enough"});
  EXPECT_THAT(Kinds(journal), ElementsAre(Record(EpochRaised{}).index(),
                                          Record(RunOpened{}).index(),
                                          Record(RunCancelled{}).index()));
}

TEST(InMemoryJournalTest, WhoReadsMayAppend) {
  InMemoryJournal journal(Retention::kUntilForgotten);
  journal.Append(EpochRaised{1});
  int visited = 0;
  EXPECT_THAT(journal.Load([&](const Record&) {
    ++visited;
    journal.Append(EpochRaised{2});
  }),
              IsOk());
  EXPECT_EQ(visited, 1);
  EXPECT_THAT(journal.records(), SizeIs(2));
}

TEST(InMemoryJournalTest, AForgottenRunLeavesOthersAndTheEpochsAlone) {
  InMemoryJournal journal(Retention::kUntilForgotten);
  journal.Append(EpochRaised{1});
  for (const auto run : {std::uint8_t{1}, std::uint8_t{2}}) {
    journal.Append(RunOpened{MakeRun(run), {}});
    SubmitPart part;
    part.run = MakeRun(run);
    journal.Append(PartAdded{part});
    journal.Append(Granted(run, run));
    OutputKept output;
    output.run = MakeRun(run);
    journal.Append(output);
    ResultsKept results;
    results.run = MakeRun(run);
    journal.Append(results);
    LeaseEnded ended;
    ended.run = MakeRun(run);
    journal.Append(ended);
    SubmitComplete complete;
    complete.run = MakeRun(run);
    journal.Append(RunClosed{complete});
    journal.Append(RunCancelled{MakeRun(run), ""});
    journal.Append(RunEnded{MakeRun(run), {}});
  }
  journal.Append(RunForgotten{MakeRun(1)});
  EXPECT_THAT(
      Kinds(journal),
      ElementsAre(Record(EpochRaised{}).index(), Record(RunOpened{}).index(),
                  Record(PartAdded{}).index(), Record(LeaseGranted{}).index(),
                  Record(OutputKept{}).index(), Record(ResultsKept{}).index(),
                  Record(LeaseEnded{}).index(), Record(RunClosed{}).index(),
                  Record(RunCancelled{}).index(), Record(RunEnded{}).index()));
  const auto* kept = std::get_if<RunOpened>(&journal.records()[1]);
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->run, MakeRun(2));
}

}  // namespace
}  // namespace paceline
