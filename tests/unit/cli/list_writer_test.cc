#include "cli/list_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class ListWriterTest : public testing::Test {
 protected:
  void Suite(const char* name, bool scopes_share_setup) {
    FoundSuite found;
    found.spec.name = name;
    found.spec.runner = "gtest";
    found.spec.scopes_share_setup = scopes_share_setup;
    writer_.Take(found);
    ++suites_;
  }
  static TestSpec Named(std::uint32_t suite, const char* scope,
                        const char* name) {
    TestSpec test;
    test.suite = static_cast<SuiteIndex>(suite);
    test.scope = scope;
    test.name = name;
    return test;
  }
  std::vector<nlohmann::json> Events() const {
    std::vector<nlohmann::json> events;
    for (const absl::string_view line :
         absl::StrSplit(json_, '\n', absl::SkipEmpty())) {
      events.push_back(nlohmann::json::parse(line));
    }
    return events;
  }

  std::string text_;
  std::string json_;
  int suites_ = 0;
  ListWriter writer_{
      /*verbose=*/false,
      [this](absl::string_view text) { absl::StrAppend(&text_, text); },
      [this](absl::string_view json) { absl::StrAppend(&json_, json); }};
};

TEST_F(ListWriterTest, ScopesAndUnitsAreShown) {
  Suite("shares", true);
  writer_.Take(Named(0, "Foo", "Foo.A"));
  writer_.Take(Named(0, "Foo", "Foo.B"));
  Suite("tree", false);
  writer_.Take(Named(1, "", "plain"));
  TestSpec alone = Named(1, "", "alone");
  alone.constraints.emplace().locks = {"l"};
  alone.skip_reason = "disabled";
  writer_.Take(alone);
  writer_.Take(DiscoveryOver{4, 4});
  writer_.Finish();
  EXPECT_EQ(text_,
            "shares (gtest)\n"
            "  Foo  (one unit)\n"
            "    Foo.A\n"
            "    Foo.B\n"
            "tree (gtest)\n"
            "  plain\n"
            "  alone  [disabled]  (alone)\n"
            "4 tests in 2 suites and 1 scope; units: 1 scope in one each, 1 "
            "test alone, 1 test in units that are cut as the run goes\n");
}

TEST_F(ListWriterTest, JsonHasALineForEverything) {
  Suite("shares", true);
  TestSpec test = Named(0, "Foo", "Foo.\xff");
  test.file = "foo.cc";
  test.line = 3;
  test.labels = {"slow"};
  test.timeout = std::chrono::seconds(5);
  Constraints& needs = test.constraints.emplace();
  needs.slots = 2;
  needs.after = {"other"};
  needs.resource_groups = {{{"gpus", 2}}};
  writer_.Take(test);
  writer_.Take(DiscoveryError{"bad", "bad could not be listed."});
  writer_.Take(DiscoveryOver{1, 1});
  writer_.Finish();
  const auto events = Events();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0]["event"], "suite");
  EXPECT_EQ(events[0]["runner"], "gtest");
  EXPECT_EQ(events[1]["test"], "Foo.\xef\xbf\xbd");
  EXPECT_EQ(events[1]["scope"], "Foo");
  EXPECT_EQ(events[1]["unit"], "scope");
  EXPECT_EQ(events[1]["line"], 3);
  EXPECT_EQ(events[1]["timeout"], 5);
  EXPECT_EQ(events[1]["needs"]["slots"], 2);
  EXPECT_EQ(events[1]["needs"]["after"][0], "other");
  EXPECT_EQ(events[1]["needs"]["resource_groups"][0]["gpus"], 2);
  EXPECT_EQ(events[2]["event"], "discovery_error");
  EXPECT_EQ(events[3]["event"], "list_ended");
  EXPECT_EQ(events[3]["units"]["whole_scopes"], 1);
}

TEST_F(ListWriterTest, NothingIsSaidAsWell) {
  writer_.Take(DiscoveryOver{0, 0});
  writer_.Finish();
  EXPECT_THAT(text_, HasSubstr("0 tests in 0 suites"));
  EXPECT_EQ(Events().back()["tests"], 0);
}

}  // namespace
}  // namespace paceline
