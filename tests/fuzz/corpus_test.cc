// Replays the fuzz targets' corpora: real encodings, and every input that ever
// broke a target.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "common/wire/codec.h"
#include "coordinator/record_codec.h"
#include "tests/fuzz/properties.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/wire/sample_messages.h"
#include "worker/ctest/ctest_test.h"
#include "worker/protocol/codec.h"
#include "worker/python/collector_codec.h"

namespace paceline {
namespace {

// The inputs of one target by their names.
std::map<std::string, std::string> Corpus(const std::string& target) {
  const std::filesystem::path folder =
      std::filesystem::path(PACELINE_CORPUS_DIR) / target;
  std::map<std::string, std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    EXPECT_TRUE(file.is_open()) << entry.path();
    inputs.emplace(entry.path().filename().string(),
                   std::string(std::istreambuf_iterator<char>(file), {}));
  }
  return inputs;
}

// The encodings of what is sent come as the encoding has become: six of the
// fleet's were of an older one, and their properties held because nothing was
// looked at. A fleet message's new bytes are in tests/unit/wire/golden_test.cc.

TEST(CorpusTest, FleetPropertyHoldsForAllThatWasKept) {
  const auto inputs = Corpus("fuzz_fleet_decode");
  for (const auto& [name, input] : inputs) {
    CheckFleetDecode(input);
  }
  for (const Message& sample : SampleMessages()) {
    const std::string name(Name(sample));
    ASSERT_TRUE(inputs.contains(name)) << name;
    const auto message = Decode(inputs.at(name));
    ASSERT_THAT(message, IsOk()) << name;
    EXPECT_EQ(Name(*message), name);
  }
}

TEST(CorpusTest, WorkerPropertyHoldsForAllThatWasKept) {
  const auto inputs = Corpus("fuzz_worker_decode");
  for (const auto& [name, input] : inputs) {
    CheckWorkerDecode(input);
  }
  for (const char* name :
       {"hello", "suite_refused", "test_started", "test_deadline",
        "test_finished", "extra", "unit_finished"}) {
    ASSERT_TRUE(inputs.contains(name)) << name;
    EXPECT_THAT(DecodeFromWorker(inputs.at(name)), IsOk()) << name;
  }
  for (const char* name : {"suite", "run_unit", "stop", "shutdown"}) {
    ASSERT_TRUE(inputs.contains(name)) << name;
    EXPECT_THAT(DecodeToWorker(inputs.at(name)), IsOk()) << name;
  }
}

TEST(CorpusTest, CollectorPropertyHoldsForAllThatWasKept) {
  const auto inputs = Corpus("fuzz_collector_decode");
  for (const auto& [name, input] : inputs) {
    CheckCollectorDecode(input);
  }
  for (const char* name :
       {"suite", "tests", "collected", "finished", "error", "note"}) {
    ASSERT_TRUE(inputs.contains(name)) << name;
    EXPECT_THAT(DecodeFromCollector(inputs.at(name)), IsOk()) << name;
  }
}

TEST(CorpusTest, RecordPropertyHoldsForAllThatWasKept) {
  const auto inputs = Corpus("fuzz_record_decode");
  std::set<std::size_t> kinds;
  for (const auto& [name, input] : inputs) {
    CheckRecordDecode(input);
    if (const auto record = DecodeRecord(input); record.ok()) {
      kinds.insert(record->index());
    }
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Record>) << "one of each kind";
}

TEST(CorpusTest, PayloadPropertyHoldsForAllThatWasKept) {
  const auto inputs = Corpus("fuzz_payload_decode");
  for (const auto& [name, input] : inputs) {
    CheckPayloadDecode(input);
  }
  ASSERT_TRUE(inputs.contains("ctest_options"));
  EXPECT_THAT(DecodeCtestOptions(inputs.at("ctest_options")), IsOk());
  ASSERT_TRUE(inputs.contains("ctest_test"));
  EXPECT_THAT(DecodeCtestTest(inputs.at("ctest_test"), {}), IsOk());
  EXPECT_TRUE(inputs.contains("command"));
}

}  // namespace
}  // namespace paceline
