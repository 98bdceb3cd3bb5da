// Which of the tests that were found are wanted: --filter, --label, --shard.

#ifndef PACELINE_CLI_FILTER_H_
#define PACELINE_CLI_FILTER_H_

#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/model/manifest.h"

namespace paceline {

// Whether `name` matches `pattern`, where `*` is any text and `?` any one
// character.
bool GlobMatches(absl::string_view pattern, absl::string_view name);

// One --filter.
//
//   =NAME          the test of exactly this name
//   A.*:B?-C.*     as --gtest_filter: any of the first, none after the first
//                  '-'; recognised by a `*` or `?`, a leading '-', or a `:`
//                  that is neither "::" nor followed by a space. "::" parts no
//                  patterns.
//   TEXT           anything else: a part of "suite: test"
class NameFilter {
 public:
  explicit NameFilter(absl::string_view text);
  bool Matches(absl::string_view suite, absl::string_view test) const;
  // As it was written and how it was read: "Foo (a part of a name)".
  std::string Describe() const;

 private:
  enum class Kind { kExact, kGlob, kSubstring };

  Kind kind_ = Kind::kSubstring;
  // Without a leading '='.
  std::string text_;
  std::vector<std::string> wanted_;
  std::vector<std::string> unwanted_;
};

// One --label: a regular expression (ECMAScript) searched for in each label of
// a test, as ctest's -L does.
class LabelFilter {
 public:
  // Returns kInvalidArgument if `text` is no regular expression.
  static absl::StatusOr<LabelFilter> Create(const std::string& text);
  bool Matches(const std::vector<std::string>& labels) const;

 private:
  LabelFilter() = default;
  std::regex regex_;
};

// Shard `index` of `count`, from 1.
struct Shard {
  std::uint32_t index = 1;
  std::uint32_t count = 1;

  friend bool operator==(const Shard&, const Shard&) = default;
};

// "2/5". Returns kInvalidArgument unless 1 <= i <= n.
absl::StatusOr<Shard> ParseShard(absl::string_view text);

// The same on every machine and in every version: FNV-1a, finished with one
// multiplication, over the suite's name,
// a zero byte and the test's name.
std::uint64_t IdentityHash(absl::string_view suite, absl::string_view test);

bool InShard(const Shard& shard, absl::string_view suite,
             absl::string_view test);

// All of the above. A test is wanted if any of the names (if there are some)
// and any of the labels (if there are some) matches.
struct Filter {
  std::vector<NameFilter> names;
  std::vector<LabelFilter> labels;

  bool Matches(absl::string_view suite, const TestSpec& test) const;
};

}  // namespace paceline

#endif  // PACELINE_CLI_FILTER_H_
