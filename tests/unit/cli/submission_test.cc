#include "cli/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"

namespace paceline {
namespace {

using std::chrono::milliseconds;

const RunId kRun = {{1}};
const Instant kStart{std::chrono::hours(1)};

SuiteSpec MakeSuite(std::string name) {
  SuiteSpec suite;
  suite.name = std::move(name);
  suite.runner = "gtest";
  return suite;
}

TestSpec MakeTest(std::string name, std::size_t payload = 0) {
  TestSpec test;
  test.name = std::move(name);
  test.payload = std::string(payload, 'x');
  return test;
}

std::vector<Message> TakeAll(Submission& submission) {
  std::vector<Message> messages;
  while (std::optional<Message> message = submission.TakeNext()) {
    messages.push_back(*std::move(message));
  }
  return messages;
}

TEST(SubmissionTest, NothingIsOpenedBeforeThereIsAPart) {
  Submission submission(kRun, {});
  EXPECT_EQ(submission.TakeNext(), std::nullopt);
  submission.Add(kStart, MakeSuite("s"));
  submission.OnTick(kStart + std::chrono::seconds(1));
  EXPECT_EQ(submission.TakeNext(), std::nullopt);
}

TEST(SubmissionTest, TheFirstTestGoesAtOnceAndLaterOnesGather) {
  Submission submission(kRun, {});
  submission.Add(kStart, MakeSuite("s"));
  submission.Add(kStart, MakeTest("a"));
  submission.OnTick(kStart);
  std::vector<Message> messages = TakeAll(submission);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<SubmitOpen>(messages[0]));
  EXPECT_EQ(std::get<SubmitPart>(messages[1]).tests.size(), 1u);

  submission.Add(kStart, MakeTest("b"));
  submission.OnTick(kStart + milliseconds(4));
  EXPECT_TRUE(TakeAll(submission).empty());
  submission.Add(kStart + milliseconds(4), MakeTest("c"));
  submission.OnTick(kStart + milliseconds(5));
  messages = TakeAll(submission);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(std::get<SubmitPart>(messages[0]).part, 2u);
  EXPECT_EQ(std::get<SubmitPart>(messages[0]).tests.size(), 2u);
}

// A suite found while the part of the one before was still being filled made
// the coordinator refuse the whole run. Found by the simulation.
TEST(SubmissionTest, TheDigestIsOfThePartsAsTheyCome) {
  Submission submission(kRun, {});
  submission.Add(kStart, MakeSuite("s"));
  submission.Add(kStart, MakeTest("a"));
  submission.Add(kStart, MakeSuite("t"));
  submission.Add(kStart, MakeTest("b"));
  submission.Complete({});
  ManifestDigest digest;
  std::string told;
  for (const Message& message : TakeAll(submission)) {
    if (const auto* part = std::get_if<SubmitPart>(&message)) {
      for (const SuiteSpec& suite : part->suites) {
        digest.Add(suite);
      }
      for (const TestSpec& test : part->tests) {
        digest.Add(test);
      }
    } else if (const auto* complete = std::get_if<SubmitComplete>(&message)) {
      told = complete->digest;
    }
  }
  EXPECT_EQ(told, digest.Hex());
}

TEST(SubmissionTest, EveryPartIsWithinItsBounds) {
  Submission submission(kRun, {});
  submission.Add(kStart, MakeSuite("s"));
  for (int i = 0; i < 3000; ++i) {
    submission.Add(kStart,
                   MakeTest(absl::StrCat("t", i), i % 100 == 0 ? 40000 : 9));
  }
  submission.Complete({});
  std::uint32_t part = 0;
  std::size_t tests = 0;
  bool complete = false;
  for (int round = 0; round < 1000 && !complete; ++round) {
    for (const Message& message : TakeAll(submission)) {
      EXPECT_LE(Encode(message).size(), kMaxMessageBytes);
      if (const auto* p = std::get_if<SubmitPart>(&message)) {
        EXPECT_EQ(p->part, ++part);
        EXPECT_LE(p->tests.size(), kMaxNamed);
        tests += p->tests.size();
      } else if (const auto* c = std::get_if<SubmitComplete>(&message)) {
        EXPECT_EQ(c->parts, part);
        EXPECT_EQ(c->tests, 3000u);
        complete = true;
      }
    }
    submission.OnKept(part);
  }
  EXPECT_TRUE(complete);
  EXPECT_EQ(tests, 3000u);
}

TEST(SubmissionTest, OnlyAWindowOfPartsIsOnTheWay) {
  Submission submission(kRun, {});
  for (int i = 0; i < 10 * static_cast<int>(kMaxNamed); ++i) {
    submission.Add(kStart, MakeTest(absl::StrCat("t", i)));
  }
  EXPECT_FALSE(submission.wants_more());
  EXPECT_EQ(TakeAll(submission).size(), 5u);  // open and four parts
  submission.OnKept(0);
  EXPECT_TRUE(TakeAll(submission).empty());
  submission.OnKept(3);
  EXPECT_EQ(TakeAll(submission).size(), 3u);
  EXPECT_TRUE(submission.wants_more());
}

TEST(SubmissionTest, AfterARewindTheUnkeptGoAgain) {
  Submission submission(kRun, {});
  for (int i = 0; i < 3 * static_cast<int>(kMaxNamed); ++i) {
    submission.Add(kStart, MakeTest(absl::StrCat("t", i)));
  }
  submission.Complete({{"x", "y"}});
  ASSERT_EQ(TakeAll(submission).size(), 5u);
  submission.OnKept(1);
  submission.Rewind();
  std::vector<Message> messages = TakeAll(submission);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(std::get<SubmitPart>(messages[0]).part, 2u);
  EXPECT_EQ(std::get<SubmitComplete>(messages[2]).errors.size(), 1u);
  submission.OnCompleteKept();
  submission.Rewind();
  EXPECT_TRUE(TakeAll(submission).empty());
  EXPECT_TRUE(submission.all_kept());
  EXPECT_FALSE(submission.unanswered());
}

TEST(SubmissionTest, AnUnansweredOpeningGoesAgain) {
  Submission submission(kRun, {});
  submission.Add(kStart, MakeTest("a"));
  submission.OnTick(kStart);
  ASSERT_EQ(TakeAll(submission).size(), 2u);
  EXPECT_TRUE(submission.unanswered());
  submission.Rewind();
  EXPECT_EQ(TakeAll(submission).size(), 2u);
}

TEST(SubmissionTest, AcknowledgingWhatNeverWasDoesNoHarm) {
  Submission submission(kRun, {});
  submission.Add(kStart, MakeTest("a"));
  submission.OnTick(kStart);
  submission.OnKept(700);
  submission.OnCompleteKept();
  EXPECT_FALSE(submission.all_kept());
  submission.Add(kStart, MakeTest("b"));
  submission.Complete({});
  const std::vector<Message> messages = TakeAll(submission);
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(std::get<SubmitComplete>(messages.back()).tests, 2u);
}

}  // namespace
}  // namespace paceline
