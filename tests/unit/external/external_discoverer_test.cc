#include "worker/external/external_discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
  RecordingSink sink_;
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

// They had two verdicts under one name; the worker is told nothing but that.
TEST_F(ExternalDiscovererTest, ANameThatIsListedAgainIsANamedError) {
  Discover("printf 'a\\nb\\nScope\\ta\\n'");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(
      sink_.errors[0].message,
      HasSubstr("line 3 lists a again; give each test a name of its own"));
  EXPECT_THAT(sink_.tests, SizeIs(2));
}

TEST_F(ExternalDiscovererTest, AnEndlessLineIsRefused) {
  Discover("yes | tr -d '\\n'");
  ASSERT_THAT(sink_.errors, SizeIs(1));
  EXPECT_THAT(sink_.errors[0].message, HasSubstr("longer than"));
}

}  // namespace
}  // namespace paceline
