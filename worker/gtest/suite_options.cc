#include "worker/gtest/suite_options.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

constexpr absl::string_view kAlsoRunDisabled = "also_run_disabled";
constexpr absl::string_view kShuffle = "shuffle=";

}  // namespace

std::string ToString(const GtestSuiteOptions& options) {
  std::vector<std::string> words;
  if (options.also_run_disabled) {
    words.emplace_back(kAlsoRunDisabled);
  }
  if (options.shuffle_seed.has_value()) {
    words.push_back(absl::StrCat(kShuffle, *options.shuffle_seed));
  }
  return absl::StrJoin(words, " ");
}

absl::StatusOr<GtestSuiteOptions> ParseGtestSuiteOptions(
    absl::string_view text) {
  GtestSuiteOptions options;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const absl::string_view whole = word;
    std::uint32_t seed = 0;
    if (word == kAlsoRunDisabled) {
      options.also_run_disabled = true;
    } else if (absl::ConsumePrefix(&word, kShuffle) &&
               absl::SimpleAtoi(word, &seed)) {
      options.shuffle_seed = seed;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("options: \"", whole,
                       "\" is nothing that the gtest runner knows; agent and "
                       "client may be of different versions"));
    }
  }
  return options;
}

}  // namespace paceline
