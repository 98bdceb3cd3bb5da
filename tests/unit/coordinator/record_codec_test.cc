#include "coordinator/record_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paceline {
namespace {

// One of every kind.
std::vector<Record> Examples() {
  const RunId run = RandomId<RunId>();
  const InstanceId holder = RandomId<InstanceId>();
  const Token token{3, 4};
  RunOptions options;
  options.title = "title";
  options.resources = {{"gpu", {{"0", 2}}}};
  SubmitPart part;
  part.run = run;
  part.part = 1;
  part.suites.emplace_back();
  part.suites[0].name = part.suites[0].runner = "suite";
  part.tests.emplace_back().name = "test";
  LeaseGranted granted;
  granted.token = token;
  granted.run = run;
  granted.unit = UnitId{9};
  granted.parent = UnitId{8};
  granted.tests = {{TestIndex{0}, 1}, {TestIndex{1}, 2}};
  granted.resources = {{{0, 0, 1}}};
  granted.holder = holder;
  granted.agent = "alpha";
  Output output;
  output.session = SessionId{1};
  output.seq = 1;
  output.token = token;
  output.attempt = 1;
  output.data = std::string("\0bytes", 6);
  AttemptItem attempt;
  attempt.run = run;
  attempt.token = token;
  attempt.attempt = 1;
  attempt.result.message = "message";
  UnitEndItem end;
  end.run = run;
  end.token = token;
  return {
      EpochRaised{7},
      RunOpened{run, options},
      PartAdded{part},
      RunClosed{{run, 1, 1, "digest", {{"target", "message"}}}},
      granted,
      OutputKept{run, holder, output},
      ResultsKept{run, holder, true, 5, {attempt, end, NoteItem{run, "note"}}},
      LeaseEnded{run, token, LeaseEnd::kLost, true, "agent lost"},
      RunCancelled{run, "enough"},
      RunEnded{run, {"alpha"}},
      RunForgotten{run},
      EventsSeen{run, 11}};
}

TEST(RecordCodecTest, EveryRecordComesBackAsItWas) {
  const std::vector<Record> examples = Examples();
  ASSERT_EQ(examples.size(), std::variant_size_v<Record>);
  for (const Record& record : examples) {
    const std::string bytes = EncodeRecord(record);
    const absl::StatusOr<Record> back = DecodeRecord(bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->index(), record.index());
    EXPECT_EQ(EncodeRecord(*back), bytes);
    EXPECT_EQ(RunOf(*back), RunOf(record));
  }
}

TEST(RecordCodecTest, DamagedBytesAreAnErrorAndNothingElse) {
  for (const Record& record : Examples()) {
    const std::string bytes = EncodeRecord(record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_TRUE(
          absl::IsDataLoss(DecodeRecord(bytes.substr(0, size)).status()));
    }
    EXPECT_TRUE(absl::IsDataLoss(DecodeRecord(bytes + "x").status()));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      // Whatever it is now, reading it is safe.
      DecodeRecord(damaged).status().IgnoreError();
    }
  }
}

TEST(RecordCodecTest, AnUnknownKindSaysSo) {
  const absl::Status status = DecodeRecord("\x91\x63").status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

}  // namespace
}  // namespace paceline
