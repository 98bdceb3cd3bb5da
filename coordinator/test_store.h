// The tests of one run, as small as they can be kept: what a lease says of a
// test and what scheduling needs, and none of what only people read.
//
// A run of a hundred thousand tests is held for as long as it lasts, so names
// and payloads lie in large blocks and a test is a few dozen bytes. Pure state.

#ifndef PACELINE_COORDINATOR_TEST_STORE_H_
#define PACELINE_COORDINATOR_TEST_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"

namespace paceline {

class TestStore {
 public:
  // Forgets all of them.
  void Clear();

  // Suites and tests get their indexes in the order of the calls.
  SuiteIndex AddSuite(SuiteSpec suite);
  TestIndex AddTest(const TestSpec& test);

  std::size_t suites() const { return suites_.size(); }
  std::size_t tests() const { return tests_.size(); }
  const SuiteSpec& suite(SuiteIndex index) const {
    return suites_[Value(index)];
  }

  SuiteIndex SuiteOf(TestIndex test) const {
    return SuiteIndex{tests_[Value(test)].suite};
  }
  absl::string_view NameOf(TestIndex test) const;
  absl::string_view PayloadOf(TestIndex test) const;
  // Of the framework, else `fallback`.
  Duration TimeoutOf(TestIndex test, Duration fallback) const;
  bool NoRerun(TestIndex test) const { return tests_[Value(test)].no_rerun; }

 private:
  struct Test {
    const char* text = nullptr;  // the name, then the payload
    std::uint32_t name_bytes : 31 = 0;
    std::uint32_t no_rerun : 1 = 0;
    std::uint32_t payload_bytes = 0;
    std::uint32_t suite = 0;
    std::int64_t timeout = -1;  // nanoseconds; negative: none
  };

  char* Allocate(std::size_t bytes);

  std::vector<SuiteSpec> suites_;
  std::vector<Test> tests_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_next_ = nullptr;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_TEST_STORE_H_
