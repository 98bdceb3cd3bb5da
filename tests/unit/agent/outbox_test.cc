// Results from the pool to the coordinator's acknowledgement, whatever is cut
// in between.

#include "agent/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId kSession{7};
constexpr std::size_t kChunk = kMaxOutputChunk;

Token TokenOf(std::uint64_t counter) { return {1, counter}; }

RunId MakeRun() {
  RunId run;
  run.bytes = {1};
  return run;
}

AttemptItem Attempt(std::uint32_t test, std::string head = "",
                    std::string tail = "", std::uint64_t cut = 0) {
  AttemptItem item;
  item.run = MakeRun();
  item.token = TokenOf(1);
  item.test = TestIndex{test};
  item.attempt = 1;
  item.worker = 1;
  item.result.outcome = Outcome::kPassed;
  item.result.output = {std::move(head), std::move(tail), cut};
  return item;
}

UnitEndItem End(std::uint64_t counter) {
  UnitEndItem item;
  item.run = MakeRun();
  item.token = TokenOf(counter);
  return item;
}

// The coordinator's end: what it was sent, until it takes nothing more.
class Wire {
 public:
  absl::Status operator()(Message message) {
    if (room == 0) {
      return absl::ResourceExhaustedError("full");
    }
    --room;
    const std::string bytes = Encode(message);
    EXPECT_LE(bytes.size(), kMaxMessageBytes);
    const absl::StatusOr<Message> decoded = Decode(bytes);
    EXPECT_THAT(decoded, IsOk());
    messages.push_back(std::move(message));
    return absl::OkStatus();
  }

  template <typename M>
  std::vector<M> All() const {
    std::vector<M> all;
    for (const Message& message : messages) {
      if (const auto* one = std::get_if<M>(&message)) {
        all.push_back(*one);
      }
    }
    return all;
  }
  std::vector<std::uint64_t> Numbers() const {
    std::vector<std::uint64_t> numbers;
    for (const Results& results : All<Results>()) {
      for (std::size_t i = 0; i < results.items.size(); ++i) {
        numbers.push_back(results.first + i);
      }
    }
    return numbers;
  }

  std::vector<Message> messages;
  std::size_t room = 1'000'000;
};

absl::Status Flush(Outbox& outbox, Wire& wire) {
  return outbox.Flush(kSession, std::ref(wire));
}

// ---- numbers and acknowledgements ------------------------------------------

TEST(OutboxTest, ItemsAreNumberedFromOneAndSentInOrder) {
  Outbox outbox;
  for (std::uint32_t i = 0; i < 3; ++i) {
    outbox.Add(Attempt(i));
  }
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  ASSERT_THAT(wire.All<Results>(), SizeIs(1));
  EXPECT_EQ(wire.All<Results>()[0].session, kSession);
  EXPECT_THAT(wire.Numbers(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(outbox.ready());
  EXPECT_TRUE(outbox.unanswered());
  EXPECT_EQ(outbox.size(), 3U);
}

TEST(OutboxTest, WhatIsAcknowledgedIsForgotten) {
  Outbox outbox;
  for (std::uint32_t i = 0; i < 3; ++i) {
    outbox.Add(Attempt(i));
  }
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  outbox.Acknowledge(2);
  EXPECT_EQ(outbox.first(), 3U);
  EXPECT_EQ(outbox.size(), 1U);
  EXPECT_GT(outbox.bytes(), 0U);
  outbox.Acknowledge(3);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0U);
  EXPECT_FALSE(outbox.unanswered());
}

TEST(OutboxTest, AnAcknowledgementTellsWhichUnitsEndsAreKept) {
  Outbox outbox;
  outbox.Add(Attempt(0));
  outbox.Add(End(1));
  outbox.Add(End(2));
  EXPECT_THAT(outbox.Acknowledge(1), IsEmpty());
  EXPECT_THAT(outbox.Acknowledge(3), ElementsAre(TokenOf(1), TokenOf(2)));
  EXPECT_THAT(outbox.Acknowledge(3), IsEmpty());
}

TEST(OutboxTest, AnAcknowledgementOfWhatWasNeverThereDoesNoHarm) {
  Outbox outbox;
  outbox.Add(End(1));
  EXPECT_THAT(outbox.Acknowledge(~std::uint64_t{0}), SizeIs(1));
  EXPECT_EQ(outbox.first(), 2U);
  outbox.Add(End(2));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.Numbers(), ElementsAre(2));
}

TEST(OutboxTest, AnOldAcknowledgementDoesNoHarm) {
  Outbox outbox;
  outbox.Add(End(1));
  outbox.Add(End(2));
  outbox.Acknowledge(1);
  EXPECT_THAT(outbox.Acknowledge(0), IsEmpty());
  EXPECT_THAT(outbox.Acknowledge(1), IsEmpty());
  EXPECT_EQ(outbox.first(), 2U);
}

TEST(OutboxTest, ANewSessionBeginsAtTheFirstThatWasNotAcknowledged) {
  Outbox outbox;
  for (std::uint32_t i = 0; i < 4; ++i) {
    outbox.Add(Attempt(i));
  }
  Wire first;
  EXPECT_THAT(Flush(outbox, first), IsOk());
  outbox.Acknowledge(1);
  EXPECT_THAT(outbox.Begin(2), IsEmpty());
  EXPECT_FALSE(outbox.unanswered()) << "nothing was sent in this session";
  Wire second;
  EXPECT_THAT(Flush(outbox, second), IsOk());
  EXPECT_THAT(second.Numbers(), ElementsAre(3, 4));
}

TEST(OutboxTest, AMessageThatCannotBeSentIsTriedAgainWhole) {
  Outbox outbox;
  outbox.Add(Attempt(0));
  outbox.Add(Attempt(1));
  Wire wire;
  wire.room = 0;
  EXPECT_THAT(Flush(outbox, wire),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(outbox.ready());
  EXPECT_FALSE(outbox.unanswered());
  wire.room = 1;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.Numbers(), ElementsAre(1, 2));
}

// ---- windows ---------------------------------------------------------------

TEST(OutboxTest, EightMessagesOfResultsAreOnTheirWayAtMost) {
  Outbox outbox;
  Wire wire;
  for (std::uint32_t i = 0; i < 20; ++i) {
    outbox.Add(Attempt(i));
    EXPECT_THAT(Flush(outbox, wire), IsOk());
  }
  EXPECT_THAT(wire.All<Results>(), SizeIs(8));
  EXPECT_FALSE(outbox.ready());
  // What has gathered meanwhile shares one message.
  outbox.Acknowledge(1);
  EXPECT_TRUE(outbox.ready());
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  ASSERT_THAT(wire.All<Results>(), SizeIs(9));
  EXPECT_THAT(wire.All<Results>().back().items, SizeIs(12));
}

TEST(OutboxTest, AnAcknowledgementOfHalfAMessageLeavesItOnItsWay) {
  Outbox outbox;
  Wire wire;
  for (std::uint32_t i = 0; i < 8; ++i) {
    outbox.Add(Attempt(2 * i));
    outbox.Add(Attempt(2 * i + 1));
    EXPECT_THAT(Flush(outbox, wire), IsOk());
  }
  outbox.Add(Attempt(100));
  outbox.Acknowledge(1);
  EXPECT_FALSE(outbox.ready());
  outbox.Acknowledge(2);
  EXPECT_TRUE(outbox.ready());
}

TEST(OutboxTest, AMessageNamesNoMoreThanItMay) {
  Outbox outbox;
  for (std::uint32_t i = 0; i < kMaxNamed + 10; ++i) {
    outbox.Add(NoteItem{MakeRun(), ""});
  }
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  ASSERT_THAT(wire.All<Results>(), SizeIs(2));
  EXPECT_THAT(wire.All<Results>()[0].items, SizeIs(kMaxNamed));
  EXPECT_THAT(wire.All<Results>()[1].items, SizeIs(10));
}

TEST(OutboxTest, AMessageIsClosedWhenItIsLarge) {
  Outbox outbox;
  for (std::uint32_t i = 0; i < 20; ++i) {
    outbox.Add(Attempt(i, std::string(10'000, 'x')));
  }
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_GT(wire.All<Results>().size(), 3U);
  for (const Message& message : wire.messages) {
    EXPECT_LE(Encode(message).size(), Outbox::kBatchBytes + 1000);
  }
}

// ---- long output -----------------------------------------------------------

TEST(OutboxTest, OutputThatFitsTravelsInItsResult) {
  Outbox outbox;
  outbox.Add(Attempt(0, std::string(kMaxInlineOutput, 'x')));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), IsEmpty());
  const auto item =
      std::get<AttemptItem>(wire.All<Results>().at(0).items.at(0));
  EXPECT_EQ(item.head_bytes_sent, 0U);
  EXPECT_EQ(item.result.output.head.size(), kMaxInlineOutput);
}

TEST(OutboxTest, LongOutputGoesAheadInPiecesHeadFirst) {
  Outbox outbox;
  const std::string head = std::string(kChunk, 'a') + std::string(10, 'b');
  const std::string tail = std::string(kChunk / 2, 'c');
  outbox.Add(Attempt(3, head, tail, 77));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  const std::vector<Output> pieces = wire.All<Output>();
  ASSERT_THAT(pieces, SizeIs(3));
  EXPECT_EQ(pieces[0].data, std::string(kChunk, 'a'));
  EXPECT_EQ(pieces[1].data, std::string(10, 'b'));
  EXPECT_EQ(pieces[2].data, tail);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].session, kSession);
    EXPECT_EQ(pieces[i].seq, i + 1);
    EXPECT_EQ(pieces[i].token, TokenOf(1));
    EXPECT_EQ(pieces[i].test, TestIndex{3});
    EXPECT_EQ(pieces[i].attempt, 1U);
    EXPECT_EQ(pieces[i].tail, i == 2);
  }
  EXPECT_EQ(pieces[0].offset, 0U);
  EXPECT_EQ(pieces[1].offset, kChunk);
  EXPECT_EQ(pieces[2].offset, 0U);
  // The result comes last, and says what went ahead.
  ASSERT_TRUE(std::holds_alternative<Results>(wire.messages.back()));
  const auto item =
      std::get<AttemptItem>(wire.All<Results>().at(0).items.at(0));
  EXPECT_EQ(item.head_bytes_sent, head.size());
  EXPECT_EQ(item.tail_bytes_sent, tail.size());
  EXPECT_EQ(item.result.output, (CapturedOutput{"", "", 77}));
}

TEST(OutboxTest, FourPiecesAreOnTheirWayAtMost) {
  Outbox outbox;
  outbox.Add(Attempt(0, std::string(6 * kChunk, 'x')));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), SizeIs(4));
  EXPECT_THAT(wire.All<Results>(), IsEmpty());
  EXPECT_FALSE(outbox.ready());
  EXPECT_TRUE(outbox.unanswered());
  outbox.AcknowledgeOutput(1);
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), SizeIs(5));
  outbox.AcknowledgeOutput(5);
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), SizeIs(6));
  EXPECT_THAT(wire.Numbers(), ElementsAre(1));
}

TEST(OutboxTest, AnAcknowledgementOfPiecesNeverSentOpensNoWindow) {
  Outbox outbox;
  outbox.Add(Attempt(0, std::string(12 * kChunk, 'x')));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  outbox.AcknowledgeOutput(1000);
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), SizeIs(8));
}

TEST(OutboxTest, ResultsBehindLongOutputWaitForIt) {
  Outbox outbox;
  outbox.Add(Attempt(0));
  outbox.Add(Attempt(1, std::string(6 * kChunk, 'x')));
  outbox.Add(Attempt(2));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.Numbers(), ElementsAre(1));
  outbox.AcknowledgeOutput(4);
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.Numbers(), ElementsAre(1, 2, 3));
}

TEST(OutboxTest, ANewSessionSendsOutputFromItsBeginning) {
  Outbox outbox;
  outbox.Add(Attempt(0, std::string(3 * kChunk, 'x')));
  Wire first;
  first.room = 2;
  EXPECT_THAT(Flush(outbox, first),
              StatusIs(absl::StatusCode::kResourceExhausted));
  outbox.AcknowledgeOutput(2);
  outbox.Begin(0);
  Wire second;
  EXPECT_THAT(Flush(outbox, second), IsOk());
  const std::vector<Output> pieces = second.All<Output>();
  ASSERT_THAT(pieces, SizeIs(3));
  EXPECT_EQ(pieces[0].seq, 1U);
  EXPECT_EQ(pieces[0].offset, 0U);
  EXPECT_THAT(second.Numbers(), ElementsAre(1));
}

// The coordinator had it from a session before.
TEST(OutboxTest, AResultAcknowledgedWhileItsOutputIsOnItsWayIsOver) {
  Outbox outbox;
  outbox.Add(Attempt(0, std::string(6 * kChunk, 'x')));
  outbox.Add(Attempt(1, std::string(2 * kChunk, 'y')));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  outbox.Acknowledge(1);
  outbox.AcknowledgeOutput(4);
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  const std::vector<Output> pieces = wire.All<Output>();
  ASSERT_THAT(pieces, SizeIs(6));
  EXPECT_EQ(pieces[4].test, TestIndex{1});
  EXPECT_EQ(pieces[4].offset, 0U);
  EXPECT_THAT(wire.Numbers(), ElementsAre(2));
}

// ---- what could not travel whole -------------------------------------------

TEST(OutboxTest, TheLargestResultFitsIntoAMessage) {
  Outbox outbox;
  AttemptItem item = Attempt(0, std::string(kMaxInlineOutput, '\xff'));
  TestResult& result = item.result;
  result.message = result.file = std::string(1'000'000, 'm');
  result.details = std::string(1'000'000, 'd');
  // With this one it was over the bound, and held up all that followed.
  result.report = std::string(kMaxReportBytes, 'r');
  for (int i = 0; i < 1000; ++i) {
    result.properties.emplace_back(std::string(5000, 'p'),
                                   std::string(5000, 'v'));
  }
  outbox.Add(std::move(item));
  UnitEndItem end = End(1);
  end.end.message = std::string(1'000'000, 'e');
  outbox.Add(std::move(end));
  outbox.Add(NoteItem{MakeRun(), std::string(1'000'000, 'n')});
  Wire wire;  // looks at sizes
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.Numbers(), ElementsAre(1, 2, 3));
}

// Sixty-four of 1 KiB were, and nothing said that there had been more.
TEST(OutboxTest, AsManyPropertiesTravelAsTheWorkerProtocolPromises) {
  Outbox outbox;
  AttemptItem item = Attempt(0, "");
  for (int i = 0; i < 200; ++i) {
    item.result.properties.emplace_back(absl::StrCat("p", i), "v");
  }
  item.result.properties.emplace_back("long", std::string(3000, 'v'));
  outbox.Add(item);
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_EQ(std::get<AttemptItem>(wire.All<Results>().at(0).items.at(0))
                .result.properties,
            item.result.properties);
}

TEST(OutboxTest, OfAnExtraFailuresLongOutputTheTwoEndsAreKept) {
  Outbox outbox;
  ExtraItem item;
  item.run = MakeRun();
  item.token = TokenOf(1);
  item.extra.name = "tear-down";
  item.extra.result.output.head =
      std::string(50'000, 'a') + std::string(50'000, 'z');
  outbox.Add(std::move(item));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  EXPECT_THAT(wire.All<Output>(), IsEmpty());
  const CapturedOutput output =
      std::get<ExtraItem>(wire.All<Results>().at(0).items.at(0))
          .extra.result.output;
  EXPECT_THAT(output.head, Each('a'));
  EXPECT_THAT(output.tail, Each('z'));
  EXPECT_EQ(output.head.size() + output.tail.size() + output.cut_bytes,
            100'000U);
}

TEST(OutboxTest, OfAnExtraFailuresCutOutputTheCutGrows) {
  Outbox outbox;
  ExtraItem item;
  item.run = MakeRun();
  item.token = TokenOf(1);
  item.extra.name = "tear-down";
  item.extra.result.output = {std::string(20'000, 'a'),
                              std::string(20'000, 'z'), 5};
  outbox.Add(std::move(item));
  Wire wire;
  EXPECT_THAT(Flush(outbox, wire), IsOk());
  const CapturedOutput output =
      std::get<ExtraItem>(wire.All<Results>().at(0).items.at(0))
          .extra.result.output;
  EXPECT_LE(output.head.size() + output.tail.size(), kMaxInlineOutput);
  EXPECT_EQ(output.head.size() + output.tail.size() + output.cut_bytes,
            40'005U);
}

}  // namespace
}  // namespace paceline
