// The names of a run's tests, as the client keeps them after their payloads
// were handed over: a run of 100,000 tests costs some ten megabytes here.
//
// Names live in chunks that never move, so that views of them stay good for
// the table's life.

#ifndef PACELINE_CLI_TEST_TABLE_H_
#define PACELINE_CLI_TEST_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"

namespace paceline {

// One test, for those who report on it. Views into a TestTable.
struct TestRef {
  TestIndex index{};
  absl::string_view suite;
  absl::string_view name;
  absl::string_view scope;
  absl::string_view file;
  std::uint32_t line = 0;
  // Not of the manifest: what failed beside the tests.
  bool extra = false;
};

// "foo_test: Foo.Bar"; a name that begins with its suite stands alone.
std::string DisplayName(const TestRef& test);

class TestTable {
 public:
  // Suites and tests get their numbers in the order they are added.
  SuiteIndex AddSuite(absl::string_view name);
  TestIndex AddTest(const TestSpec& test);
  // A test that discovery did not name. False if its number is taken.
  bool AddExtra(TestIndex test, SuiteIndex suite, absl::string_view name);

  // Tests of the manifest; extras are not among them.
  std::size_t size() const { return tests_.size(); }
  bool contains(TestIndex test) const { return Find(test) != nullptr; }
  bool contains(SuiteIndex suite) const {
    return Value(suite) < suites_.size();
  }
  TestRef Get(TestIndex test) const;
  absl::string_view SuiteName(SuiteIndex suite) const;

 private:
  // 48 bytes: sizes are enough where a text is interned or short.
  struct Test {
    const char* name = nullptr;
    const char* scope = nullptr;
    const char* file = nullptr;
    std::uint32_t name_size = 0;
    std::uint32_t scope_size = 0;
    std::uint32_t file_size = 0;
    std::uint32_t line = 0;
    SuiteIndex suite{};
  };

  const Test* Find(TestIndex test) const;
  absl::string_view Store(absl::string_view text);
  // Equal texts share their bytes.
  absl::string_view Intern(absl::string_view text);

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;
  char* chunk_at_ = nullptr;
  absl::flat_hash_set<absl::string_view> interned_;
  std::vector<absl::string_view> suites_;  // their names
  std::vector<Test> tests_;
  absl::btree_map<TestIndex, Test> extras_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_TEST_TABLE_H_
