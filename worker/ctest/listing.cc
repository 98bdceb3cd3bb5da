#include "worker/ctest/listing.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/ctest/utf8.h"

namespace paceline {
namespace {

using Json = nlohmann::json;

// Absurd numbers in a project's files must not overflow ours.
constexpr double kLongestTimeout = 1e8;
constexpr std::uint64_t kMostSlots = 1'000'000;

std::string AsString(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::vector<std::string> AsStrings(const Json& value) {
  std::vector<std::string> strings;
  if (value.is_array()) {
    strings.reserve(value.size());
    for (const Json& entry : value) {
      if (entry.is_string()) {
        strings.push_back(entry.get<std::string>());
      }
    }
  } else if (value.is_string()) {
    strings.push_back(value.get<std::string>());
  }
  return strings;
}

bool AsBool(const Json& value) {
  return value.is_boolean() && value.get<bool>();
}

std::uint32_t AsCount(const Json& value) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    return 0;
  }
  return static_cast<std::uint32_t>(
      std::min(value.get<std::uint64_t>(), kMostSlots));
}

Duration AsSeconds(const Json& value) {
  return FromSeconds(value.is_number()
                         ? std::clamp(value.get<double>(), 0.0, kLongestTimeout)
                         : 0);
}

// The member `name` of an object, or null.
const Json& Member(const Json& object, const char* name) {
  static const Json* const null = new Json();
  const auto found = object.find(name);
  return found == object.end() ? *null : *found;
}

std::vector<std::vector<ResourceNeed>> AsResourceGroups(const Json& value) {
  std::vector<std::vector<ResourceNeed>> groups;
  for (const Json& group : value) {
    std::vector<ResourceNeed>& needs = groups.emplace_back();
    for (const Json& need : Member(group, "requirements")) {
      // A need of nothing is none: ctest runs such a test.
      if (const std::uint32_t slots = AsCount(Member(need, "slots"));
          slots > 0) {
        needs.push_back({AsString(Member(need, ".type")), slots});
      }
    }
  }
  return groups;
}

void SetNumbers(const std::string& name, const Json& value,
                ListedTest& listed) {
  if (name == "TIMEOUT") {
    listed.timeout = AsSeconds(value);
  } else if (name == "PROCESSORS") {
    listed.constraints.slots = std::max(AsCount(value), 1U);
  } else if (name == "SKIP_RETURN_CODE" && value.is_number_integer()) {
    // None but these can be seen of an exit status.
    const auto code = value.get<std::int64_t>();
    if (code >= 0 && code <= std::numeric_limits<std::uint8_t>::max()) {
      listed.test.skip_return_code = static_cast<int>(code);
    }
  }
}

void SetConstraint(const std::string& name, const Json& value,
                   Constraints& constraints) {
  if (name == "RUN_SERIAL") {
    constraints.serial = AsBool(value);
  } else if (name == "RESOURCE_LOCK") {
    constraints.locks = AsStrings(value);
  } else if (name == "RESOURCE_GROUPS") {
    constraints.resource_groups = AsResourceGroups(value);
  } else if (name == "FIXTURES_REQUIRED") {
    constraints.fixtures_required = AsStrings(value);
  } else if (name == "FIXTURES_SETUP") {
    constraints.fixtures_setup = AsStrings(value);
  } else if (name == "FIXTURES_CLEANUP") {
    constraints.fixtures_cleanup = AsStrings(value);
  }
}

// Of properties that have no meaning here, like COST and MEASUREMENT, nothing
// is kept.
void SetProperty(const std::string& name, const Json& value,
                 ListedTest& listed) {
  CtestTest& test = listed.test;
  if (name == "WORKING_DIRECTORY") {
    test.working_directory = AsString(value);
  } else if (name == "ENVIRONMENT") {
    test.environment = AsStrings(value);
  } else if (name == "ENVIRONMENT_MODIFICATION") {
    test.environment_modification = AsStrings(value);
  } else if (name == "PASS_REGULAR_EXPRESSION") {
    test.pass_expressions = AsStrings(value);
  } else if (name == "FAIL_REGULAR_EXPRESSION") {
    test.fail_expressions = AsStrings(value);
  } else if (name == "SKIP_REGULAR_EXPRESSION") {
    test.skip_expressions = AsStrings(value);
  } else if (name == "REQUIRED_FILES") {
    test.required_files = AsStrings(value);
  } else if (name == "TIMEOUT_AFTER_MATCH") {
    test.timeout_after_match = CtestTimeoutAfterMatch{
        AsSeconds(Member(value, "timeout")), AsStrings(Member(value, "regex"))};
  } else if (name == "WILL_FAIL") {
    test.will_fail = AsBool(value);
  } else if (name == "DISABLED") {
    listed.disabled = AsBool(value);
  } else if (name == "LABELS") {
    listed.labels = AsStrings(value);
  } else if (name == "DEPENDS") {
    listed.depends = AsStrings(value);
  } else {
    SetNumbers(name, value, listed);
    SetConstraint(name, value, listed.constraints);
  }
}

// Takes the parts of a listing as they are parsed.
class ListingReader {
 public:
  explicit ListingReader(const std::function<bool(ListedTest)>& take)
      : take_(take) {}

  // nlohmann's parser callback: returning false drops what was parsed.
  bool OnEvent(int depth, Json::parse_event_t event, Json& parsed);

  bool stopped() const { return stopped_; }
  std::size_t nameless() const { return nameless_; }
  // Of the whole listing; absent until it was seen.
  std::optional<std::uint32_t> version() const { return version_; }

 private:
  struct Node {
    std::uint32_t file = 0;
    std::uint32_t line = 0;
  };

  void TakeTest(const Json& parsed);

  const std::function<bool(ListedTest)>& take_;
  std::string top_;     // the outermost key
  std::string second_;  // the key below it
  std::vector<std::string> files_;
  std::vector<Node> nodes_;
  std::optional<std::uint32_t> version_;
  std::size_t nameless_ = 0;
  bool stopped_ = false;
};

bool ListingReader::OnEvent(int depth, Json::parse_event_t event,
                            Json& parsed) {
  using Event = Json::parse_event_t;
  if (event == Event::key) {
    if (depth == 1) {
      top_ = AsString(parsed);
    } else if (depth == 2) {
      second_ = AsString(parsed);
    }
    return true;
  }
  if (event == Event::object_end && depth == 2 && top_ == "tests") {
    TakeTest(parsed);
    return false;
  }
  if (event == Event::object_end && depth == 1 && top_ == "version") {
    version_ = AsCount(Member(parsed, "major"));
    return false;
  }
  if (depth == 3 && top_ == "backtraceGraph") {
    if (event == Event::object_end && second_ == "nodes") {
      nodes_.push_back(
          {AsCount(Member(parsed, "file")), AsCount(Member(parsed, "line"))});
      return false;
    }
    if (event == Event::value && second_ == "files") {
      files_.push_back(AsString(parsed));
      return false;
    }
  }
  return true;
}

void ListingReader::TakeTest(const Json& parsed) {
  ListedTest listed;
  listed.name = AsString(Member(parsed, "name"));
  if (listed.name.empty()) {
    ++nameless_;
    return;
  }
  if (stopped_) {
    return;
  }
  listed.test.command = AsStrings(Member(parsed, "command"));
  for (const Json& property : Member(parsed, "properties")) {
    SetProperty(AsString(Member(property, "name")), Member(property, "value"),
                listed);
  }
  listed.test.leaves_processes = !listed.constraints.fixtures_setup.empty();
  const Json& backtrace = Member(parsed, "backtrace");
  if (const std::uint32_t at = AsCount(backtrace);
      backtrace.is_number_integer() && at < nodes_.size() &&
      nodes_[at].file < files_.size()) {
    listed.file = files_[nodes_[at].file];
    listed.line = nodes_[at].line;
  }
  stopped_ = !take_(std::move(listed));
}

// The characters of the listing in a file, from the line that is "{" to the
// one that is "}": what projects print around it is passed over. Bytes that are
// no UTF-8, which a JSON parser refuses, are U+FFFD here.
class ListingText {
 public:
  explicit ListingText(std::ifstream& in) : in_(in) {}

  // False where there is no listing.
  bool Begin() {
    while (std::getline(in_, line_)) {
      if (line_ == "{") {
        line_ += '\n';
        return true;
      }
    }
    return false;
  }

  bool AtEnd() const { return at_ == line_.size(); }
  char Current() const { return line_[at_]; }
  void Next() {
    if (++at_ == line_.size() && line_ != "}\n") {
      NextLine();
    }
  }

 private:
  void NextLine() {
    at_ = 0;
    if (std::getline(in_, line_)) {
      if (!IsUtf8(line_)) {
        line_ = ReplaceInvalidUtf8(line_);
      }
      line_ += '\n';
    } else {
      line_.clear();
    }
  }

  std::ifstream& in_;
  std::string line_;
  std::size_t at_ = 0;
};

// What a parser takes: an input iterator over a ListingText, and its end.
class ListingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  ListingIterator() = default;
  explicit ListingIterator(ListingText* text) : text_(text) {}

  char operator*() const { return text_->Current(); }
  ListingIterator& operator++() {
    text_->Next();
    return *this;
  }
  ListingIterator operator++(int) {
    const ListingIterator before = *this;
    text_->Next();
    return before;
  }
  // One of them is the end.
  friend bool operator==(const ListingIterator& a, const ListingIterator& b) {
    const ListingIterator& some = a.text_ != nullptr ? a : b;
    return some.text_ == nullptr || some.text_->AtEnd();
  }

 private:
  ListingText* text_ = nullptr;
};

}  // namespace

absl::StatusOr<std::size_t> ReadCtestListing(
    const std::string& path, const std::function<bool(ListedTest)>& take) {
  std::ifstream in(path, std::ios::binary);
  ListingText text(in);
  if (!text.Begin()) {
    return absl::DataLossError("it printed no list of tests");
  }
  ListingReader reader(take);
  const Json rest = Json::parse(
      ListingIterator(&text), ListingIterator(),
      [&reader](int depth, Json::parse_event_t event, Json& parsed) {
        return reader.OnEvent(depth, event, parsed);
      },
      /*allow_exceptions=*/false);
  if (reader.stopped()) {
    return reader.nameless();
  }
  if (rest.is_discarded() || !reader.version().has_value()) {
    return absl::DataLossError(
        "the list of tests that it printed is not whole");
  }
  if (*reader.version() != 1) {
    return absl::UnimplementedError(
        absl::StrCat("its list of tests has version ", *reader.version(),
                     ", and only version 1 is known here"));
  }
  return reader.nameless();
}

}  // namespace paceline
