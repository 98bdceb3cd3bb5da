#include "worker/gtest/listing.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "worker/gtest/case_name.h"

namespace paceline {
namespace {

// Follows {"testsuites": [{"name": S, "testsuite": [{"name": C, "file": F,
// "line": L}]}]} by its depth, and keeps nothing else: parameters' values may
// be of any size.
class ListingHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  const std::string& error() const { return error_; }
  bool saw_suites() const { return saw_suites_; }
  std::vector<ListedCase> Take() { return std::move(cases_); }

  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t /*elements*/) override {
    if (++depth_ > kMaxDepth) {
      return Refuse("nested too deep");
    }
    if (IsCase()) {
      case_ = ListedCase();
    } else if (IsSuite()) {
      suite_.clear();
      first_of_suite_ = cases_.size();
    }
    return true;
  }
  bool end_object() override {
    if (IsCase()) {
      if (case_.name.empty()) {
        return Refuse("a case without a name");
      }
      cases_.push_back(std::move(case_));
    } else if (IsSuite()) {
      // The suite's name may come after its cases.
      for (std::size_t i = first_of_suite_; i < cases_.size(); ++i) {
        cases_[i].suite = suite_;
      }
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    if (++depth_ > kMaxDepth) {
      return Refuse("nested too deep");
    }
    if (depth_ == kSuitesDepth && key_ == "testsuites") {
      saw_suites_ = true;
      in_suites_ = true;
    } else if (depth_ == kCasesDepth && in_suites_ && key_ == "testsuite") {
      in_cases_ = true;
    }
    return true;
  }
  bool end_array() override {
    if (depth_ == kSuitesDepth) {
      in_suites_ = false;
    } else if (depth_ == kCasesDepth) {
      in_cases_ = false;
    }
    --depth_;
    return true;
  }
  bool string(string_t& value) override {
    if (IsCase() && key_ == "name") {
      case_.name = std::move(value);
    } else if (IsCase() && key_ == "file") {
      case_.file = std::move(value);
    } else if (IsSuite() && key_ == "name") {
      suite_ = std::move(value);
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (IsCase() && key_ == "line" &&
        value <= std::numeric_limits<std::uint32_t>::max()) {
      case_.line = static_cast<std::uint32_t>(value);
    }
    return true;
  }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/,
                    const string_t& /*text*/) override {
    return true;
  }
  bool boolean(bool /*value*/) override { return true; }
  bool null() override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& /*error*/) override {
    return Refuse(absl::StrCat("no JSON at byte ", position, ", near \"",
                               CleanName(token.substr(0, 40)), "\""));
  }

 private:
  static constexpr int kSuitesDepth = 2;
  static constexpr int kCasesDepth = 4;
  static constexpr int kMaxDepth = 64;

  bool IsSuite() const { return in_suites_ && depth_ == kSuitesDepth + 1; }
  bool IsCase() const { return in_cases_ && depth_ == kCasesDepth + 1; }
  bool Refuse(std::string why) {
    error_ = std::move(why);
    return false;
  }

  int depth_ = 0;
  bool in_suites_ = false;
  bool in_cases_ = false;
  bool saw_suites_ = false;
  std::string key_;
  std::string suite_;
  std::size_t first_of_suite_ = 0;
  ListedCase case_;
  std::vector<ListedCase> cases_;
  std::string error_;
};

}  // namespace

absl::StatusOr<std::vector<ListedCase>> ParseListing(absl::string_view json) {
  // GoogleTest writes names as they are; JSON is UTF-8.
  const std::string clean = CleanName(json);
  ListingHandler handler;
  if (!nlohmann::json::sax_parse(clean, &handler)) {
    return absl::InvalidArgumentError(handler.error());
  }
  if (!handler.saw_suites()) {
    return absl::InvalidArgumentError("no \"testsuites\" in it");
  }
  return handler.Take();
}

}  // namespace paceline
