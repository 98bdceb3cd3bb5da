// The list that a GoogleTest program writes: what it is read as, and what of
// it is refused.

#include "worker/gtest/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// As GoogleTest 1.12.1 writes it.
constexpr char kWhole[] = R"({
  "tests": 6,
  "name": "AllTests",
  "testsuites": [
    {
      "name": "Plain",
      "tests": 2,
      "testsuite": [
        {
          "name": "Works",
          "file": "\/src\/plain_test.cc",
          "line": 12
        },
        {
          "name": "DISABLED_Breaks",
          "file": "\/src\/plain_test.cc",
          "line": 20
        }
      ]
    },
    {
      "name": "Typed\/0",
      "tests": 1,
      "testsuite": [
        {
          "name": "HasADefault",
          "type_param": "std::vector<int, std::allocator<int> >",
          "file": "typed_test.cc",
          "line": 7
        }
      ]
    },
    {
      "name": "In\/Values",
      "tests": 2,
      "testsuite": [
        {
          "name": "IsNotB\/0",
          "value_param": "\"a\" pointing to \"x\\n\"",
          "file": "values_test.cc",
          "line": 31
        },
        {
          "name": "IsNotB\/letter_b",
          "value_param": "{\"name\": \"no case\"}",
          "file": "values_test.cc",
          "line": 31
        }
      ]
    },
    {
      "name": "DISABLED_Suite",
      "tests": 1,
      "testsuite": [
        {
          "name": "Fails",
          "file": "",
          "line": 0
        }
      ]
    }
  ]
}
)";

TEST(ListingTest, CasesComeInOrderWithFileAndLine) {
  EXPECT_THAT(
      ParseListing(kWhole),
      IsOkAndHolds(ElementsAre(
          ListedCase{"Plain", "Works", "/src/plain_test.cc", 12},
          ListedCase{"Plain", "DISABLED_Breaks", "/src/plain_test.cc", 20},
          ListedCase{"Typed/0", "HasADefault", "typed_test.cc", 7},
          ListedCase{"In/Values", "IsNotB/0", "values_test.cc", 31},
          ListedCase{"In/Values", "IsNotB/letter_b", "values_test.cc", 31},
          ListedCase{"DISABLED_Suite", "Fails", "", 0})));
}

TEST(ListingTest, AProgramWithoutTestsHasAnEmptyList) {
  EXPECT_THAT(
      ParseListing(R"({"tests": 0, "name": "AllTests", "testsuites": []})"),
      IsOkAndHolds(IsEmpty()));
}

// Older versions write neither.
TEST(ListingTest, FileAndLineMayBeMissing) {
  EXPECT_THAT(
      ParseListing(
          R"({"testsuites": [{"name": "A", "testsuite": [{"name": "B"}]}]})"),
      IsOkAndHolds(ElementsAre(ListedCase{"A", "B", "", 0})));
}

TEST(ListingTest, ASuitesNameMayComeAfterItsCases) {
  EXPECT_THAT(
      ParseListing(
          R"({"testsuites": [{"testsuite": [{"name": "B"}], "name": "A"}]})"),
      IsOkAndHolds(ElementsAre(ListedCase{"A", "B", "", 0})));
}

TEST(ListingTest, NoPrefixOfAListIsAList) {
  const absl::string_view whole = absl::string_view(kWhole, sizeof(kWhole) - 1);
  // What follows the last brace is white space.
  const std::size_t end = whole.rfind('}');
  for (std::size_t size = 0; size <= end; ++size) {
    ASSERT_THAT(ParseListing(whole.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(ListingTest, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(ParseListing(R"({"testsuites": [oops]})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no JSON at byte 17")));
  EXPECT_THAT(ParseListing(R"({"tests": 3})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"testsuites\"")));
  EXPECT_THAT(
      ParseListing(R"({"testsuites": [{"name": "A", "testsuite": [{}]}]})"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("without a name")));
}

// Names of types are in the list as the program has them.
TEST(ListingTest, BytesThatAreNoTextAreReplaced) {
  EXPECT_THAT(
      ParseListing("{\"testsuites\": [{\"name\": \"A\xff\", \"testsuite\": "
                   "[{\"name\": \"B\xc3\", \"file\": \"f\xfe\"}]}]}"),
      IsOkAndHolds(ElementsAre(ListedCase{"A?", "B?", "f?", 0})));
}

TEST(ListingTest, ValuesOfOtherKindsAreIgnored) {
  EXPECT_THAT(
      ParseListing(R"({"x": {"testsuites": [{"name": "no"}]}, "testsuites": [
          {"name": "A", "more": [[{"name": "no"}]], "testsuite": [
            {"name": "B", "line": -1, "file": null, "y": {"name": "no"}},
            {"name": "C", "line": 99999999999, "file": true},
            {"name": "D", "line": 1.5, "name2": "no", "z": ["name", "no"]}]}],
          "testsuite": [{"name": "no"}]})"),
      IsOkAndHolds(ElementsAre(ListedCase{"A", "B", "", 0},
                               ListedCase{"A", "C", "", 0},
                               ListedCase{"A", "D", "", 0})));
}

TEST(ListingTest, HostileTextIsRefused) {
  for (const std::string& json :
       {std::string(), std::string("\0", 1), std::string("[ RUN      ] A.B\n"),
        std::string("{}"), std::string("[]"), std::string("null"),
        std::string("\"testsuites\""), std::string("{\"testsuites\": {}}"),
        std::string("{\"testsuites\": 3}"), std::string(kWhole) + kWhole,
        std::string(kWhole) + "Segmentation fault\n", std::string(100'000, '['),
        absl::StrCat("{\"testsuites\": ", std::string(100'000, '['))}) {
    EXPECT_THAT(ParseListing(json),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << json.substr(0, 40);
  }
}

TEST(ListingTest, AnErrorIsShortAndText) {
  const std::string junk = "{\"testsuites\": " + std::string(10'000, '\x01');
  const absl::Status status = ParseListing(junk).status();
  EXPECT_LT(status.message().size(), 200U);
}

TEST(ListingTest, ALongListIsReadWhole) {
  std::string json = R"({"testsuites": [{"name": "A", "testsuite": [)";
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", R"({"name": "C)", i, "\"}");
  }
  json += "]}]}";
  const auto cases = ParseListing(json);
  ASSERT_THAT(cases, IsOk());
  ASSERT_THAT(*cases, SizeIs(10'000));
  EXPECT_EQ(cases->back().name, "C9999");
}

}  // namespace
}  // namespace paceline
