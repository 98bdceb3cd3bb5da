// The report that a GoogleTest program leaves.

#include "worker/gtest/xml_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// As GoogleTest 1.12.1 writes it.
constexpr char kWhole[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="6" failures="2" disabled="1" errors="0" time="0.017" timestamp="2024-05-01T10:00:00.123" name="AllTests">
  <testsuite name="A" tests="5" failures="1" disabled="1" skipped="1" errors="0" time="0.017" timestamp="2024-05-01T10:00:00.123">
    <testcase name="Passes" file="a.cc" line="3" status="run" result="completed" time="0.012" timestamp="2024-05-01T10:00:00.123" classname="A" />
    <testcase name="Fails" file="a.cc" line="5" status="run" result="completed" time="0." timestamp="2024-05-01T10:00:00.123" classname="A">
      <failure message="a.cc:6&#x0A;Failed&#x0A;a &lt; b" type=""><![CDATA[a.cc:6
Failed
a < b]]></failure>
      <failure message="a.cc:7&#x0A;Failed" type=""><![CDATA[a.cc:7
x]]>]]&gt;<![CDATA[y]]></failure>
    </testcase>
    <testcase name="Skips" file="a.cc" line="9" status="run" result="skipped" time="0." timestamp="2024-05-01T10:00:00.123" classname="A">
      <skipped message="a.cc:10&#x0A;not here"><![CDATA[a.cc:10
not here]]></skipped>
    </testcase>
    <testcase name="Records" file="a.cc" line="12" status="run" result="completed" time="1.5" timestamp="2024-05-01T10:00:00.123" classname="A">
      <properties>
        <property name="build" value="42"/>
        <property name="flavour" value="plain &amp; &lt;simple&gt;"/>
      </properties>
    </testcase>
    <testcase name="DISABLED_Fails" file="a.cc" line="15" status="notrun" result="suppressed" time="0." timestamp="1970-01-01T01:00:00.000" classname="A" />
  </testsuite>
  <testsuite name="NonTestSuiteFailure" tests="1" failures="1" disabled="0" skipped="0" errors="0" time="0." timestamp="1970-01-01T00:00:00.000">
    <testcase name="" status="run" result="completed" classname="" time="0." timestamp="1970-01-01T00:00:00.000">
      <failure message="env.cc:3&#x0A;Failed&#x0A;environment" type=""><![CDATA[env.cc:3
Failed
environment]]></failure>
    </testcase>
  </testsuite>
</testsuites>
)";

XmlReport Parse(absl::string_view xml) {
  auto report = ParseXmlReport(xml);
  EXPECT_THAT(report, IsOk());
  return report.ok() ? *std::move(report) : XmlReport();
}

XmlCase ParseCase(absl::string_view testcase) {
  const XmlReport report =
      Parse(absl::StrCat("<testsuites><testsuite name='A'>", testcase,
                         "</testsuite></testsuites>"));
  EXPECT_THAT(report.cases, SizeIs(1)) << testcase;
  return report.cases.empty() ? XmlCase() : report.cases.front();
}

TEST(XmlReportTest, EveryCaseIsRead) {
  const XmlReport report = Parse(kWhole);
  ASSERT_THAT(report.cases, SizeIs(5));

  const XmlCase& passes = report.cases[0];
  EXPECT_EQ(passes.name, "A.Passes");
  EXPECT_TRUE(passes.began);
  EXPECT_FALSE(passes.failed);
  EXPECT_FALSE(passes.skipped);
  EXPECT_EQ(passes.elapsed, std::chrono::milliseconds(12));

  const XmlCase& fails = report.cases[1];
  EXPECT_TRUE(fails.failed);
  EXPECT_FALSE(fails.skipped);
  EXPECT_THAT(fails.parts, ElementsAre(XmlPart{"a.cc:6\nFailed\na < b", false},
                                       XmlPart{"a.cc:7\nx]]>y", false}));

  const XmlCase& skips = report.cases[2];
  EXPECT_FALSE(skips.failed);
  EXPECT_TRUE(skips.skipped);
  EXPECT_THAT(skips.parts, ElementsAre(XmlPart{"a.cc:10\nnot here", true}));

  EXPECT_THAT(
      report.cases[3].properties,
      ElementsAre(Pair("build", "42"), Pair("flavour", "plain & <simple>")));

  EXPECT_EQ(report.cases[4].name, "A.DISABLED_Fails");
  EXPECT_FALSE(report.cases[4].began);
}

TEST(XmlReportTest, WhatIsRecordedOutsideOfCasesIsRead) {
  EXPECT_THAT(Parse(kWhole).properties, IsEmpty());
  const XmlReport report = Parse(
      "<testsuites tests='1' random_seed='7' time='0' name='AllTests' "
      "machine='red'>"
      "<testsuite name='In/A.B/0' tests='1' skipped='0' rows='12'/>"
      "</testsuites>");
  EXPECT_THAT(report.properties,
              ElementsAre(XmlProperties{"", {{"machine", "red"}}},
                          XmlProperties{"In/A.B/0", {{"rows", "12"}}}));
}

TEST(XmlReportTest, AFailureOutsideOfSuitesIsNoCase) {
  EXPECT_THAT(Parse(kWhole).outside,
              ElementsAre(XmlPart{"env.cc:3\nFailed\nenvironment", false}));
}

// A suite of that name may be the user's own.
TEST(XmlReportTest, ASuiteOfThatNameMayHoldCases) {
  const XmlReport report = Parse(
      "<testsuites><testsuite name='NonTestSuiteFailure'>"
      "<testcase name='Mine' status='run'/></testsuite></testsuites>");
  ASSERT_THAT(report.cases, SizeIs(1));
  EXPECT_EQ(report.cases[0].name, "NonTestSuiteFailure.Mine");
  EXPECT_THAT(report.outside, IsEmpty());
}

TEST(XmlReportTest, ACaseThatNeverStartedHasNoTimeOfItsOwn) {
  struct {
    const char* attributes;
    bool began;
  } constexpr kCases[] = {
      {"status='run' timestamp='2024-05-01T10:00:00'", true},
      {"status='run'", true},  // before version 1.10
      {"status='notrun' timestamp='2024-05-01T10:00:00'", false},
      {"status='run' timestamp='1970-01-01T00:00:00.000'", false},
      {"status='run' timestamp='1970-01-01T14:00:00'", false},  // east
      {"status='run' timestamp='1969-12-31T12:00:00'", false},  // west
      {"status='run' timestamp='1970-01-02T00:00:00'", true},
      {"", false},  // a listing
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(
        ParseCase(absl::StrCat("<testcase name='B' ", test.attributes, "/>"))
            .began,
        test.began)
        << test.attributes;
  }
}

TEST(XmlReportTest, AFailureBeatsASkip) {
  const XmlCase both = ParseCase(
      "<testcase name='B' status='run' result='skipped'>"
      "<skipped message='f.cc:1&#10;s'/><failure message='f.cc:2&#10;f'/>"
      "</testcase>");
  EXPECT_TRUE(both.failed);
  EXPECT_FALSE(both.skipped);
}

TEST(XmlReportTest, ASkipNeedsNoReason) {
  EXPECT_TRUE(
      ParseCase("<testcase name='B' status='run' result='skipped'/>").skipped);
}

TEST(XmlReportTest, WithoutATextTheMessageIsTaken) {
  EXPECT_THAT(ParseCase("<testcase name='B'><failure message='f.cc:2&#10;why'/>"
                        "</testcase>")
                  .parts,
              ElementsAre(XmlPart{"f.cc:2\nwhy", false}));
}

// Before version 1.8.1 properties were attributes.
TEST(XmlReportTest, OldVersionsPropertiesAreReadToo) {
  EXPECT_THAT(
      ParseCase("<testcase name='B' value_param='1' type_param='int' file='f' "
                "line='3' status='run' result='completed' time='0.1' "
                "timestamp='2024' classname='A' mine='7'/>")
          .properties,
      ElementsAre(Pair("mine", "7")));
}

TEST(XmlReportTest, NamesAreCleanedAsEverywhere) {
  EXPECT_EQ(ParseCase("<testcase name='B\xff'/>").name, "A.B?");
}

TEST(XmlReportTest, ABadDurationIsNoHarm) {
  for (const char* time : {"", "x", "nan", "1e999", "-1e999"}) {
    ParseCase(absl::StrCat("<testcase name='B' time='", time, "'/>"));
  }
  EXPECT_EQ(ParseCase("<testcase name='B' time='x'/>").elapsed,
            Duration::zero());
}

// A program that died while it wrote its report has none.
TEST(XmlReportTest, NoPrefixOfAReportIsAReport) {
  const absl::string_view whole = absl::string_view(kWhole, sizeof(kWhole) - 1);
  const std::size_t end = whole.rfind('>');
  for (std::size_t size = 0; size <= end; ++size) {
    ASSERT_THAT(ParseXmlReport(whole.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(XmlReportTest, WhatIsNoReportIsRefused) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) {
    deep += "<a>";
  }
  for (const std::string& xml :
       {std::string(), std::string("text"), std::string("{}"),
        std::string("<testsuite/>"), std::string("<testsuites>"),
        std::string("<html><testsuites/></html>"), std::string("\0<", 2),
        std::string("<testsuites></testsuite>"), deep}) {
    EXPECT_THAT(ParseXmlReport(xml),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << xml.substr(0, 40);
  }
}

TEST(XmlReportTest, AnyBytesAreSurvived) {
  std::minstd_rand random(5);
  const std::string whole(kWhole);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 5; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    static_cast<void>(ParseXmlReport(bytes));
  }
}

}  // namespace
}  // namespace paceline
