#include "worker/external/external_discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CollectingSink final : public DiscoverySink {
 public:
  SuiteIndex AddSuite(SuiteSpec suite) override {
    suites.push_back(std::move(suite));
    return static_cast<SuiteIndex>(suites.size() - 1);
  }
  void AddTest(TestSpec test) override { tests.push_back(std::move(test)); }
  void AddError(DiscoveryError error) override {
    errors.push_back(std::move(error));
  }
  bool cancelled() const override { return false; }

  std::vector<SuiteSpec> suites;
  std::vector<TestSpec> tests;
  std::vector<DiscoveryError> errors;
};

class ExternalDiscovererTest : public testing::Test {
 protected:
  void Discover(absl::string_view script) {
    const std::string path =
        scratch_.Write("worker", absl::StrCat("#!/bin/sh\n", script, "\n"));
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
    DiscoveryOptions options;
    options.env = CurrentEnvironment();
    ExternalDiscoverer().Discover({path, {"--fast"}}, options, sink_);
  }

  ScratchDir scratch_;
  CollectingSink sink_;
};

TEST_F(ExternalDiscovererTest, EachLineIsATestWithOrWithoutAScope) {
  Discover(R"([ "$1 $2" = "--paceline-list --fast" ] || exit 9
              printf 'alone\nScope\tmember\nlast')");
  EXPECT_THAT(sink_.errors, IsEmpty());
  ASSERT_THAT(sink_.suites, SizeIs(1));
  EXPECT_THAT(sink_.suites[0].worker,
              ElementsAre(HasSubstr("/worker"), "--fast"));
  ASSERT_THAT(sink_.tests, SizeIs(3));
  EXPECT_EQ(sink_.tests[0].name, "alone");
  EXPECT_EQ(sink_.tests[1].scope, "Scope");
  EXPECT_EQ(sink_.tests[1].name, "member");
  EXPECT_EQ(sink_.tests[2].name, "last");
}

TEST_F(ExternalDiscovererTest, AListingThatFailsIsANamedError) {
  Discover("echo broken >&2; exit 7");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("exit status 7"));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("broken"));
}

TEST_F(ExternalDiscovererTest, ALineWithAScopeAndNoNameIsANamedError) {
  Discover("printf 'Scope\\t\\n'");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("names no test"));
  EXPECT_THAT(sink_.tests, IsEmpty());
}

TEST_F(ExternalDiscovererTest, AnEndlessLineIsRefused) {
  Discover("yes | tr -d '\\n'");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("longer than"));
}

}  // namespace
}  // namespace paceline
