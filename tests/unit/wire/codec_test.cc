// What the fleet's codec carries: everything, unchanged, in one form.

#include "common/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/wire/sample_messages.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;
using testing::StartsWith;

// The fields of what Encode makes of `message` and Decode of that.
template <typename M>
M Carried(const M& message) {
  absl::StatusOr<Message> decoded = Decode(Encode(message));
  EXPECT_THAT(decoded, IsOk());
  return decoded.ok() ? std::get<M>(*std::move(decoded)) : M{};
}

TEST(CodecTest, SamplesCoverEveryMessageType) {
  const std::vector<Message> samples = SampleMessages();
  ASSERT_THAT(samples, SizeIs(std::variant_size_v<Message>));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].index(), i);
  }
}

TEST(CodecTest, EveryMessageComesBackAsItWas) {
  for (const Message& sample : SampleMessages()) {
    EXPECT_THAT(Decode(Encode(sample)), IsOkAndHolds(sample)) << Name(sample);
  }
}

TEST(CodecTest, NamesAreThoseOfTheProtocolPage) {
  EXPECT_EQ(Name(Hello{}), "hello");
  EXPECT_EQ(Name(Pong{}), "pong");
  EXPECT_EQ(Name(Welcome{}), "welcome");
  EXPECT_EQ(Name(Grant{}), "grant");
  EXPECT_EQ(Name(Ping{}), "ping");
  EXPECT_EQ(Name(ClientHello{}), "client_hello");
  EXPECT_EQ(Name(StatusRequest{}), "status_request");
  EXPECT_EQ(Name(ClientWelcome{}), "client_welcome");
  EXPECT_EQ(Name(StatusReply{}), "status_reply");
}

TEST(CodecTest, LongProseIsCutWithAMarkThatSaysHowMuch) {
  Stop stop{SessionId{1}, {}, {}, std::string(10'000, 'x')};
  EXPECT_THAT(Carried(stop).reason, AllOf(SizeIs(Le(4096U)), StartsWith("xxxx"),
                                          HasSubstr(" bytes cut]\n")));
}

TEST(CodecTest, DurationsAreClampedToWhatAPeerAccepts) {
  Stop stop{SessionId{1}, {}, Duration::max(), ""};
  EXPECT_EQ(Carried(stop).grace, std::chrono::hours(24 * 3660));
  stop.grace = Duration::min();
  EXPECT_EQ(Carried(stop).grace, Duration::zero());
}

TEST(CodecTest, WallClockTimesBeforeTheEpochBecomeUnknown) {
  Results results{SessionId{1}, 1, {}};
  AttemptItem item;
  item.run = SampleRun();
  item.token = Token{1, 1};
  item.attempt = 1;
  item.result.started_unix_ns = -5;
  results.items.emplace_back(item);
  const Results carried = Carried(results);
  EXPECT_EQ(std::get<AttemptItem>(carried.items.at(0)).result.started_unix_ns,
            0);
}

TEST(CodecTest, ZeroIsTheFirstOfWhatIsCountedFromZero) {
  Hello hello = std::get<Hello>(SampleMessages()[0]);
  hello.pid = 0;
  hello.host = "";
  hello.labels.clear();
  hello.held.clear();
  EXPECT_EQ(Carried(hello), hello);
}

TEST(CodecTest, TheLongestListPasses) {
  Started started{SessionId{1}, std::vector<Token>(kMaxNamed, Token{1, 1})};
  EXPECT_EQ(Carried(started), started);
}

// All that the worker protocol lets through.
TestResult LargestResult() {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  TestResult result = SampleResult();
  result.message.assign(5'000, 'm');
  result.details.assign(100'000, 'd');
  result.file.assign(4'096, 'f');
  result.output.head.assign(kMaxInlineOutput, 'o');
  result.output.tail.assign(kMaxInlineOutput, 'o');
  result.output.cut_bytes = kMost;
  result.health = WorkerHealth{
      .rss_bytes = kMost,
      .peak_rss_bytes = kMost,
      .open_fds = std::numeric_limits<std::uint32_t>::max(),
      .threads = std::numeric_limits<std::uint32_t>::max(),
  };
  result.properties.assign(16, {"", std::string(4'096, 'p')});
  result.report.assign(kMaxReportBytes, 'r');
  return result;
}

TEST(CodecTest, TheLargestResultFitsIntoOneMessage) {
  AttemptItem attempt;
  attempt.run = SampleRun();
  attempt.token = Token{1, 1};
  attempt.attempt = 1;
  attempt.result = LargestResult();
  EXPECT_THAT(Decode(Encode(Results{SessionId{1}, 1, {attempt}})), IsOk());

  ExtraItem extra;
  extra.run = SampleRun();
  extra.token = Token{1, 1};
  extra.extra.name.assign(kMaxNameBytes, 'n');
  extra.extra.result = LargestResult();
  EXPECT_THAT(Decode(Encode(Results{SessionId{1}, 1, {extra}})), IsOk());

  AttemptEvent event;
  event.attempt = 1;
  event.agent.assign(kMaxLabelBytes, 'a');
  event.host.assign(kMaxLabelBytes, 'h');
  event.rerun.assign(5'000, 'x');
  event.result = LargestResult();
  event.verdict = Verdict{};
  EXPECT_THAT(Decode(Encode(Events{SampleRun(), 1, {event}})), IsOk());
}

TEST(CodecTest, BoundsAreNeverBelowTheEncodedSize) {
  for (const Message& sample : SampleMessages()) {
    std::size_t bound = kMaxEnvelopeBytes;
    if (const auto* results = std::get_if<Results>(&sample)) {
      for (const ResultItem& item : results->items) {
        bound += EncodedBound(item);
      }
    } else if (const auto* events = std::get_if<Events>(&sample)) {
      for (const Event& event : events->events) {
        bound += EncodedBound(event);
      }
    } else if (const auto* part = std::get_if<SubmitPart>(&sample)) {
      for (const SuiteSpec& suite : part->suites) {
        bound += EncodedBound(suite);
      }
      for (const TestSpec& test : part->tests) {
        bound += EncodedBound(test);
      }
    } else if (const auto* grant = std::get_if<Grant>(&sample)) {
      for (const SuiteDefinition& definition : grant->suites) {
        bound += EncodedBound(definition.spec) + kMaxEnvelopeBytes;
      }
      for (const Lease& lease : grant->leases) {
        bound += kMaxEnvelopeBytes;
        for (const LeasedTest& test : lease.tests) {
          bound += EncodedBound(test);
        }
      }
    } else {
      continue;
    }
    EXPECT_LE(Encode(sample).size(), bound) << Name(sample);
  }
}

TEST(CodecTest, BoundsCountLongProseAsItIsCut) {
  NoteEvent note{std::string(1'000'000, 'x')};
  EXPECT_LT(EncodedBound(Event(note)), 5'000U);
}

// What CheckSpec says of a test that differs in one thing from one that fits.
template <typename Change>
std::string WhyNot(const Change& change) {
  TestSpec test;
  test.name = "t";
  test.constraints.emplace();
  EXPECT_THAT(CheckSpec(test), IsOk());
  change(test);
  const absl::Status status = CheckSpec(test);
  // And no more and no less is refused than by the decoder.
  const bool decodes =
      Decode(Encode(SubmitPart{RunId{{1}}, 1, {}, {test}})).ok();
  EXPECT_EQ(status.ok(), decodes) << status;
  return std::string(status.message());
}

TEST(CodecTest, ASpecThatFitsIntoNoManifestNamesTheField) {
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.name.assign(20'000, 'n'); }),
            "name: is 20000 bytes, at most 16384");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.name = std::string("a\0b", 3); }),
            "name: holds a NUL byte");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.name.clear(); }), "name: is empty");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.labels.resize(1500, "l"); }),
            "labels: 1500 entries, at most 1024");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.constraints->slots = 0; }),
            "constraints.slots: is 0, at least 1");
  EXPECT_EQ(WhyNot([](TestSpec& t) {
              t.constraints->resource_groups = {{}, {{"gpus", 0}}};
            }),
            "constraints.resource_groups[1][0].slots: is 0, at least 1");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.payload.assign(50'000, 'p'); }),
            "payload: is 50000 bytes, at most 49152");
}

TEST(CodecTest, WhatIsCutOrClampedOnItsWayFits) {
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.skip_reason.emplace(9'000, 's'); }), "");
  EXPECT_EQ(WhyNot([](TestSpec& t) { t.timeout = Duration::max(); }), "");
}

TEST(CodecTest, ASpecOverItsBytesIsRefusedWhateverItsFields) {
  TestSpec test;
  test.name = "t";
  test.labels.assign(20, std::string(16'000, 'n'));
  EXPECT_THAT(std::string(CheckSpec(test).message()),
              StartsWith("its names, payload and constraints take 32"));
  SuiteSpec suite;
  suite.name = "s";
  EXPECT_EQ(CheckSpec(suite).message(), "runner: is empty");
  suite.runner = "command";
  EXPECT_THAT(CheckSpec(suite), IsOk());
  suite.arguments.assign(3, std::string(100'000, 'a'));
  EXPECT_THAT(std::string(CheckSpec(suite).message()),
              HasSubstr("put long arguments into a file"));
}

}  // namespace
}  // namespace paceline
