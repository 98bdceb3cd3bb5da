// A run's events on their way to its client.

#include "coordinator/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kAll = ~std::uint64_t{0};

RunId MakeRun() {
  RunId run;
  run.bytes = {1};
  return run;
}

void AddNotes(EventLog& log, int count, std::uint64_t record = 0) {
  for (int i = 0; i < count; ++i) {
    log.Add(NoteEvent{absl::StrCat("note ", log.last() + 1)}, record);
  }
}

// Sends all that may go now; the texts of the notes, in order.
std::vector<std::string> Send(EventLog& log, std::uint64_t committed = kAll) {
  std::vector<std::string> texts;
  while (std::optional<Events> events = log.Next(MakeRun(), committed)) {
    EXPECT_EQ(events->run, MakeRun());
    for (std::size_t i = 0; i < events->events.size(); ++i) {
      texts.push_back(std::get<NoteEvent>(events->events[i]).text);
      EXPECT_EQ(texts.back(), absl::StrCat("note ", events->first + i));
    }
    log.Sent(*events);
  }
  return texts;
}

// It was sent again, all of it, though the client had it: four megabytes, to
// whoever was too slow for them the first time.
TEST(EventLogTest, WhatIsAcknowledgedLateIsNotSentAgain) {
  EventLog log;
  for (int i = 0; i < 60; ++i) {
    log.Add(OutputEvent{TestIndex{0}, 1, false, std::string(60'000, 'o')}, 1);
  }
  while (std::optional<Events> events = log.Next(MakeRun(), kAll)) {
    log.Sent(*events);
  }
  log.SendAgain();
  log.Sent(*log.Next(MakeRun(), kAll));
  log.Acknowledge(60);
  EXPECT_TRUE(log.empty());
  EXPECT_FALSE(log.in_flight());
  EXPECT_EQ(log.bytes(), 0U);
  AddNotes(log, 1);
  EXPECT_THAT(Send(log), ElementsAre("note 61"));
}

TEST(EventLogTest, WhatAnEarlierLifeToldIsForgotten) {
  EventLog log;
  AddNotes(log, 3);
  log.Seen(2);
  EXPECT_EQ(log.seen(), 2U);
  EXPECT_THAT(Send(log), ElementsAre("note 3"));
  log.Seen(7);  // of a damaged journal
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(log.seen(), 3U);
}

TEST(EventLogTest, EventsAreNumberedFromOneWithoutGaps) {
  EventLog log;
  EXPECT_EQ(log.last(), 0U);
  EXPECT_EQ(log.Next(MakeRun(), kAll), std::nullopt);
  AddNotes(log, 3);
  EXPECT_EQ(log.last(), 3U);
  EXPECT_THAT(Send(log), ElementsAre("note 1", "note 2", "note 3"));
  AddNotes(log, 1);
  EXPECT_THAT(Send(log), ElementsAre("note 4"));
}

TEST(EventLogTest, WhatWasNotSentIsSaidAgainByNext) {
  EventLog log;
  AddNotes(log, 1);
  EXPECT_EQ(log.Next(MakeRun(), kAll)->first, 1U);
  EXPECT_EQ(log.Next(MakeRun(), kAll)->first, 1U);
  EXPECT_FALSE(log.in_flight());
}

// A verdict that was told and is then forgotten by a restart would be a lie.
TEST(EventLogTest, AnEventIsToldOnlyOnceItsRecordIsCommitted) {
  EventLog log;
  AddNotes(log, 1, /*record=*/5);
  AddNotes(log, 1, /*record=*/7);
  AddNotes(log, 1, /*record=*/6);
  EXPECT_THAT(Send(log, 4), IsEmpty());
  EXPECT_THAT(Send(log, 5), ElementsAre("note 1"));
  EXPECT_THAT(Send(log, 6), IsEmpty()) << "it would overtake the one before";
  EXPECT_THAT(Send(log, 7), ElementsAre("note 2", "note 3"));
}

TEST(EventLogTest, WhatWasSeenIsForgotten) {
  EventLog log;
  AddNotes(log, 3);
  Send(log);
  EXPECT_TRUE(log.in_flight());
  log.Acknowledge(2);
  EXPECT_TRUE(log.in_flight());
  EXPECT_FALSE(log.empty());
  log.Rewind(0);
  EXPECT_THAT(Send(log), ElementsAre("note 3"));
  log.Acknowledge(3);
  EXPECT_FALSE(log.in_flight());
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(log.last(), 3U);
}

TEST(EventLogTest, WhatWasNotSentCannotHaveBeenSeen) {
  EventLog log;
  AddNotes(log, 2);
  Send(log);
  AddNotes(log, 2);
  log.Acknowledge(kAll);
  EXPECT_THAT(Send(log), ElementsAre("note 3", "note 4"));
}

TEST(EventLogTest, AClientThatComesBackIsToldWhatFollowsItsLastEvent) {
  EventLog log;
  AddNotes(log, 4);
  Send(log);
  log.Rewind(2);
  EXPECT_FALSE(log.in_flight()) << "what it has seen is forgotten";
  EXPECT_THAT(Send(log), ElementsAre("note 3", "note 4"));
  log.Rewind(2);
  EXPECT_THAT(Send(log), ElementsAre("note 3", "note 4"));
}

TEST(EventLogTest, NumbersThatAreForgottenOrToComeAreTakenForTheNearest) {
  EventLog log;
  AddNotes(log, 4);
  Send(log);
  log.Acknowledge(2);
  log.Rewind(1);
  EXPECT_THAT(Send(log), ElementsAre("note 3", "note 4"));
  log.Rewind(100);
  EXPECT_THAT(Send(log), IsEmpty());
  AddNotes(log, 1);
  EXPECT_THAT(Send(log), ElementsAre("note 5"));
}

TEST(EventLogTest, OnlySoManyBytesAreOnTheirWay) {
  EventLog log;
  const std::string data(60'000, 'x');
  for (int i = 0; i < 200; ++i) {
    log.Add(OutputEvent{TestIndex{0}, 1, false, data}, 0);
  }
  std::size_t sent = 0;
  while (std::optional<Events> events = log.Next(MakeRun(), kAll)) {
    sent += events->events.size();
    log.Sent(*events);
  }
  EXPECT_GE(sent * data.size(), EventLog::kMaxInFlightBytes);
  EXPECT_LE(sent * data.size(), EventLog::kMaxInFlightBytes + kMaxMessageBytes);
  // What is seen makes room.
  log.Acknowledge(sent / 2);
  EXPECT_TRUE(log.Next(MakeRun(), kAll).has_value());
  // And so does a connection that is gone.
  EventLog other;
  for (int i = 0; i < 200; ++i) {
    other.Add(OutputEvent{TestIndex{0}, 1, false, data}, 0);
  }
  while (std::optional<Events> events = other.Next(MakeRun(), kAll)) {
    other.Sent(*events);
  }
  other.Rewind(0);
  EXPECT_EQ(other.Next(MakeRun(), kAll)->first, 1U);
}

// Nothing that followed it was told.
TEST(EventLogTest, AnEventThatIsTooLargeToBeToldIsMadeToFit) {
  EventLog log;
  AttemptEvent event;
  event.attempt = 1;
  event.result.outcome = Outcome::kFailed;
  event.result.message = "failed";
  event.result.details = std::string(60 * 1024, 'd');
  for (int i = 0; i < 10; ++i) {
    event.result.properties.emplace_back("property",
                                         std::string(30 * 1024, 'p'));
  }
  event.verdict = Verdict::kFailed;
  log.Add(event, 1);
  log.Add(NoteEvent{"next"}, 1);
  const auto message = log.Next(RunId{{1}}, 1);
  ASSERT_TRUE(message.has_value());
  EXPECT_LE(Encode(*message).size(), kMaxMessageBytes);
  const auto& told = std::get<AttemptEvent>(message->events.at(0));
  EXPECT_EQ(told.verdict, Verdict::kFailed);
  EXPECT_EQ(told.result.message, "failed");
  EXPECT_THAT(told.result.details, testing::HasSubstr("were left out"));
}

// Four megabytes were sent again every five seconds to whoever was slow.
TEST(EventLogTest, OnlyTheFirstMessageIsSentAgain) {
  EventLog log;
  for (int i = 0; i < 100; ++i) {
    log.Add(OutputEvent{TestIndex{0}, 1, false, std::string(60'000, 'o')}, 1);
  }
  const RunId run{{1}};
  EXPECT_GT(log.bytes(), 6'000'000U);
  std::size_t sent = 0;
  while (const auto events = log.Next(run, 1)) {
    log.Sent(*events);
    ++sent;
  }
  EXPECT_GT(sent, 10U);
  log.SendAgain();
  const auto again = log.Next(run, 1);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->first, 1U);
  log.Sent(*again);
  EXPECT_EQ(log.Next(run, 1), std::nullopt);
  log.Acknowledge(again->events.size());
  EXPECT_TRUE(log.Next(run, 1).has_value());
  log.Rewind(100);
  EXPECT_EQ(log.bytes(), 0U);
}

TEST(EventLogTest, NoMessageIsTooLargeOrNamesTooMuch) {
  EventLog log;
  AttemptEvent large;
  large.attempt = 1;
  large.result.details = std::string(64'000, 'd');
  for (int i = 0; i < 20; ++i) {
    log.Add(large, 0);
  }
  AddNotes(log, kMaxNamed + 1);
  std::size_t events_sent = 0;
  while (std::optional<Events> events = log.Next(MakeRun(), kAll)) {
    EXPECT_LE(events->events.size(), kMaxNamed);
    EXPECT_LE(Encode(*events).size(), kMaxMessageBytes);
    events_sent += events->events.size();
    log.Sent(*events);
  }
  EXPECT_EQ(events_sent, 20 + kMaxNamed + 1);
}

}  // namespace
}  // namespace paceline
