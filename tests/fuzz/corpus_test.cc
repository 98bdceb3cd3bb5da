// Replays the fuzz targets' corpora: real encodings, and every input that ever
// broke a target.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/properties.h"

namespace paceline {
namespace {

// The inputs of one target, in the order of their names.
std::vector<std::string> Corpus(const std::string& target) {
  const std::filesystem::path folder =
      std::filesystem::path(PACELINE_CORPUS_DIR) / target;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << path;
    inputs.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return inputs;
}

TEST(CorpusTest, FleetPropertyHoldsForAllThatWasKept) {
  const std::vector<std::string> inputs = Corpus("fuzz_fleet_decode");
  EXPECT_GE(inputs.size(), 38U);  // one of each message at least
  for (const std::string& input : inputs) {
    CheckFleetDecode(input);
  }
}

TEST(CorpusTest, WorkerPropertyHoldsForAllThatWasKept) {
  const std::vector<std::string> inputs = Corpus("fuzz_worker_decode");
  EXPECT_GE(inputs.size(), 11U);
  for (const std::string& input : inputs) {
    CheckWorkerDecode(input);
  }
}

TEST(CorpusTest, CollectorPropertyHoldsForAllThatWasKept) {
  const std::vector<std::string> inputs = Corpus("fuzz_collector_decode");
  EXPECT_GE(inputs.size(), 6U);
  for (const std::string& input : inputs) {
    CheckCollectorDecode(input);
  }
}

TEST(CorpusTest, RecordPropertyHoldsForAllThatWasKept) {
  const std::vector<std::string> inputs = Corpus("fuzz_record_decode");
  EXPECT_GE(inputs.size(), 11U);
  for (const std::string& input : inputs) {
    CheckRecordDecode(input);
  }
}

TEST(CorpusTest, PayloadPropertyHoldsForAllThatWasKept) {
  const std::vector<std::string> inputs = Corpus("fuzz_payload_decode");
  EXPECT_GE(inputs.size(), 3U);
  for (const std::string& input : inputs) {
    CheckPayloadDecode(input);
  }
}

}  // namespace
}  // namespace paceline
