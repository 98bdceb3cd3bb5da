#include "coordinator/test_store.h"

#include <cstring>
#include <utility>

namespace paceline {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

}  // namespace

void TestStore::Clear() {
  std::exchange(suites_, {});
  std::exchange(tests_, {});
  blocks_.clear();
  block_left_ = 0;
  block_next_ = nullptr;
}

SuiteIndex TestStore::AddSuite(SuiteSpec suite) {
  suites_.push_back(std::move(suite));
  return SuiteIndex{static_cast<std::uint32_t>(suites_.size() - 1)};
}

char* TestStore::Allocate(std::size_t bytes) {
  if (bytes > kBlockBytes / 4) {
    blocks_.push_back(std::make_unique<char[]>(bytes));
    return blocks_.back().get();
  }
  if (bytes > block_left_) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_next_ = blocks_.back().get();
    block_left_ = kBlockBytes;
  }
  char* const at = block_next_;
  block_next_ += bytes;
  block_left_ -= bytes;
  return at;
}

TestIndex TestStore::AddTest(const TestSpec& spec) {
  char* const text = Allocate(spec.name.size() + spec.payload.size());
  if (!spec.name.empty()) {
    std::memcpy(text, spec.name.data(), spec.name.size());
  }
  if (!spec.payload.empty()) {
    std::memcpy(text + spec.name.size(), spec.payload.data(),
                spec.payload.size());
  }
  Test& test = tests_.emplace_back();
  test.text = text;
  test.name_bytes = static_cast<std::uint32_t>(spec.name.size()) & 0x7fffffffU;
  test.payload_bytes = static_cast<std::uint32_t>(spec.payload.size());
  test.suite = Value(spec.suite);
  test.no_rerun = spec.no_rerun ? 1U : 0U;
  if (spec.timeout.has_value()) {
    test.timeout = spec.timeout->count();
  }
  return TestIndex{static_cast<std::uint32_t>(tests_.size() - 1)};
}

absl::string_view TestStore::NameOf(TestIndex index) const {
  const Test& test = tests_[Value(index)];
  return {test.text, test.name_bytes};
}

absl::string_view TestStore::PayloadOf(TestIndex index) const {
  const Test& test = tests_[Value(index)];
  return {test.text + test.name_bytes, test.payload_bytes};
}

Duration TestStore::TimeoutOf(TestIndex index, Duration fallback) const {
  const Test& test = tests_[Value(index)];
  return test.timeout < 0 ? fallback : Duration(test.timeout);
}

}  // namespace paceline
