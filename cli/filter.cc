#include "cli/filter.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace paceline {

bool GlobMatches(absl::string_view pattern, absl::string_view name) {
  // Linear but for the last star, which is the only one worth coming back to:
  // an earlier one can always be left where it first fitted.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = absl::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

namespace {

// At each ':' but those of "::", which is a part of names: of Python tests, and
// of C++ scopes.
std::vector<std::string> SplitPatterns(absl::string_view text) {
  std::vector<std::string> patterns(1);
  while (!text.empty()) {
    if (absl::ConsumePrefix(&text, "::")) {
      patterns.back() += "::";
    } else if (absl::ConsumePrefix(&text, ":")) {
      patterns.emplace_back();
    } else {
      patterns.back() += text.front();
      text.remove_prefix(1);
    }
  }
  patterns.erase(std::remove(patterns.begin(), patterns.end(), ""),
                 patterns.end());
  return patterns;
}

}  // namespace

NameFilter::NameFilter(absl::string_view text) : text_(text) {
  if (absl::StartsWith(text, "=")) {
    kind_ = Kind::kExact;
    text_ = std::string(text.substr(1));
    return;
  }
  // As reports name tests ("suite: test"), and names of C++ scopes: no list.
  const bool a_name =
      absl::StrContains(text, ": ") || absl::StrContains(text, "::");
  if (text.find_first_of("*?") == absl::string_view::npos &&
      !absl::StartsWith(text, "-") &&
      (a_name || !absl::StrContains(text, ":"))) {
    return;
  }
  kind_ = Kind::kGlob;
  const std::vector<absl::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  wanted_ = SplitPatterns(halves[0]);
  if (halves[0].empty()) {
    wanted_.push_back("*");
  }
  if (halves.size() > 1) {
    unwanted_ = SplitPatterns(halves[1]);
  }
}

std::string NameFilter::Describe() const {
  switch (kind_) {
    case Kind::kExact:
      return absl::StrCat("=", text_, " (a whole name)");
    case Kind::kSubstring:
      return absl::StrCat(text_, " (a part of \"suite: test\")");
    case Kind::kGlob:
      return absl::StrCat(text_, " (GoogleTest's filter language)");
  }
  return text_;
}

bool NameFilter::Matches(absl::string_view suite,
                         absl::string_view test) const {
  const auto matches = [test](const std::string& pattern) {
    return GlobMatches(pattern, test);
  };
  switch (kind_) {
    case Kind::kExact:
      return test == text_;
    case Kind::kSubstring:
      return absl::StrContains(absl::StrCat(suite, ": ", test), text_);
    case Kind::kGlob:
      return std::any_of(wanted_.begin(), wanted_.end(), matches) &&
             std::none_of(unwanted_.begin(), unwanted_.end(), matches);
  }
  return false;
}

absl::StatusOr<LabelFilter> LabelFilter::Create(const std::string& text) {
  LabelFilter filter;
  // std::regex reports a bad expression by throwing.
  try {
    filter.regex_ = std::regex(text, std::regex::optimize);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is no regular expression: ", std::string(error.what())));
  }
  return filter;
}

bool LabelFilter::Matches(const std::vector<std::string>& labels) const {
  return std::any_of(labels.begin(), labels.end(),
                     [this](const std::string& label) {
                       return std::regex_search(label, regex_);
                     });
}

absl::StatusOr<Shard> ParseShard(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  Shard shard;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &shard.index) ||
      !absl::SimpleAtoi(parts[1], &shard.count) || shard.index < 1 ||
      shard.index > shard.count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is not understood: say i/n with i from 1 to n, such as 2/5"));
  }
  return shard;
}

std::uint64_t IdentityHash(absl::string_view suite, absl::string_view test) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](absl::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  };
  mix(suite);
  mix(absl::string_view("", 1));
  mix(test);
  // FNV's low bits are weak, and a shard is chosen by a remainder.
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

bool InShard(const Shard& shard, absl::string_view suite,
             absl::string_view test) {
  return shard.count == 1 ||
         IdentityHash(suite, test) % shard.count == shard.index - 1;
}

bool Filter::Matches(absl::string_view suite, const TestSpec& test) const {
  const bool name_ok =
      names.empty() ||
      std::any_of(names.begin(), names.end(), [&](const NameFilter& filter) {
        return filter.Matches(suite, test.name);
      });
  return name_ok &&
         (labels.empty() || std::any_of(labels.begin(), labels.end(),
                                        [&](const LabelFilter& filter) {
                                          return filter.Matches(test.labels);
                                        }));
}

}  // namespace paceline
