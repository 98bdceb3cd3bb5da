#include "cli/test_table.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace paceline {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

}  // namespace

std::string DisplayName(const TestRef& test) {
  if (test.suite.empty() ||
      absl::StartsWith(test.name, absl::StrCat(test.suite, ": "))) {
    return std::string(test.name);
  }
  return absl::StrCat(test.suite, ": ", test.name);
}

SuiteIndex TestTable::AddSuite(absl::string_view name) {
  suites_.push_back(Store(name));
  return static_cast<SuiteIndex>(suites_.size() - 1);
}

TestIndex TestTable::AddTest(const TestSpec& test) {
  PACELINE_CHECK(contains(test.suite));
  const absl::string_view name = Store(test.name);
  const absl::string_view scope = Intern(test.scope);
  const absl::string_view file = Intern(test.file);
  tests_.push_back({name.data(), scope.data(), file.data(),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(scope.size()),
                    static_cast<std::uint32_t>(file.size()), test.line,
                    test.suite});
  return static_cast<TestIndex>(tests_.size() - 1);
}

bool TestTable::AddExtra(TestIndex test, SuiteIndex suite,
                         absl::string_view name) {
  if (contains(test) || !contains(suite)) {
    return false;
  }
  const absl::string_view stored = Store(name);
  Test entry;
  entry.name = stored.data();
  entry.name_size = static_cast<std::uint32_t>(stored.size());
  entry.suite = suite;
  extras_.emplace(test, entry);
  return true;
}

const TestTable::Test* TestTable::Find(TestIndex test) const {
  if (Value(test) < tests_.size()) {
    return &tests_[Value(test)];
  }
  const auto extra = extras_.find(test);
  return extra == extras_.end() ? nullptr : &extra->second;
}

TestRef TestTable::Get(TestIndex test) const {
  const Test* found = Find(test);
  PACELINE_CHECK(found != nullptr);
  const Test& entry = *found;
  return {test,
          suites_[Value(entry.suite)],
          {entry.name, entry.name_size},
          {entry.scope, entry.scope_size},
          {entry.file, entry.file_size},
          entry.line,
          Value(test) >= tests_.size()};
}

absl::string_view TestTable::SuiteName(SuiteIndex suite) const {
  PACELINE_CHECK(contains(suite));
  return suites_[Value(suite)];
}

absl::string_view TestTable::Store(absl::string_view text) {
  if (text.empty()) {
    return {};
  }
  if (text.size() > chunk_left_) {
    chunk_left_ = std::max(kChunk, text.size());
    chunks_.push_back(std::make_unique<char[]>(chunk_left_));
    chunk_at_ = chunks_.back().get();
  }
  std::memcpy(chunk_at_, text.data(), text.size());
  const absl::string_view stored(chunk_at_, text.size());
  chunk_at_ += text.size();
  chunk_left_ -= text.size();
  return stored;
}

absl::string_view TestTable::Intern(absl::string_view text) {
  if (text.empty()) {
    return {};
  }
  const auto found = interned_.find(text);
  if (found != interned_.end()) {
    return *found;
  }
  return *interned_.insert(Store(text)).first;
}

}  // namespace paceline
