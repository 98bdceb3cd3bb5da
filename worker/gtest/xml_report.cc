#include "worker/gtest/xml_report.h"

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/gtest/case_name.h"

namespace paceline {
namespace {

// The name of the suite that GoogleTest makes up for failures outside of any.
constexpr absl::string_view kOutside = "NonTestSuiteFailure";
// Attributes of a case that are GoogleTest's own; before version 1.8.1 the
// properties were attributes too.
constexpr absl::string_view kCaseAttributes[] = {
    "name",   "value_param", "type_param", "file",      "line",
    "status", "result",      "time",       "timestamp", "classname"};

constexpr absl::string_view kSuiteAttributes[] = {
    "name",   "tests", "failures",  "disabled",   "skipped",
    "errors", "time",  "timestamp", "random_seed"};

// What is recorded outside of cases becomes attributes.
void ReadProperties(const pugi::xml_node& node, std::string suite,
                    XmlReport& report) {
  TestProperties properties;
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (std::find(std::begin(kSuiteAttributes), std::end(kSuiteAttributes),
                  absl::string_view(attribute.name())) ==
        std::end(kSuiteAttributes)) {
      properties.emplace_back(attribute.name(), attribute.value());
    }
  }
  for (const pugi::xml_node& property :
       node.child("properties").children("property")) {
    properties.emplace_back(property.attribute("name").value(),
                            property.attribute("value").value());
  }
  if (!properties.empty()) {
    report.properties.push_back({std::move(suite), std::move(properties)});
  }
}

void ReadParts(const pugi::xml_node& node, std::vector<XmlPart>& parts) {
  for (const pugi::xml_node& child : node.children()) {
    const bool skip = std::strcmp(child.name(), "skipped") == 0;
    if (!skip && std::strcmp(child.name(), "failure") != 0) {
      continue;
    }
    XmlPart& part = parts.emplace_back();
    part.skip = skip;
    // A text with "]]>" in it is several pieces.
    for (const pugi::xml_node& piece : child.children()) {
      part.text += piece.value();
    }
    if (part.text.empty()) {
      part.text = child.attribute("message").value();
    }
  }
}

bool Began(const pugi::xml_node& node) {
  if (std::strcmp(node.attribute("status").value(), "run") != 0) {
    return false;
  }
  const pugi::xml_attribute timestamp = node.attribute("timestamp");
  // Never started: the epoch in local time, so the day before or after it too.
  return !absl::StartsWith(timestamp.value(), "1970-01-01T") &&
         !absl::StartsWith(timestamp.value(), "1969-12-31T");
}

XmlCase ReadCase(const char* suite, const pugi::xml_node& node) {
  XmlCase result;
  result.name = FullName(suite, node.attribute("name").value());
  result.began = Began(node);
  result.elapsed = FromSeconds(node.attribute("time").as_double());
  ReadParts(node, result.parts);
  result.failed = std::any_of(result.parts.begin(), result.parts.end(),
                              [](const XmlPart& part) { return !part.skip; });
  result.skipped =
      !result.failed &&
      (!result.parts.empty() ||
       std::strcmp(node.attribute("result").value(), "skipped") == 0);
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (std::find(std::begin(kCaseAttributes), std::end(kCaseAttributes),
                  absl::string_view(attribute.name())) ==
        std::end(kCaseAttributes)) {
      result.properties.emplace_back(attribute.name(), attribute.value());
    }
  }
  for (const pugi::xml_node& property :
       node.child("properties").children("property")) {
    result.properties.emplace_back(property.attribute("name").value(),
                                   property.attribute("value").value());
  }
  return result;
}

}  // namespace

absl::StatusOr<XmlReport> ParseXmlReport(absl::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return absl::InvalidArgumentError(
        absl::StrCat(parsed.description(), " at byte ", parsed.offset));
  }
  const pugi::xml_node root = document.child("testsuites");
  if (!root) {
    return absl::InvalidArgumentError("no <testsuites> in it");
  }
  XmlReport report;
  ReadProperties(root, "", report);
  for (const pugi::xml_node& suite : root.children("testsuite")) {
    const char* name = suite.attribute("name").value();
    ReadProperties(suite, CleanName(name), report);
    for (const pugi::xml_node& test : suite.children("testcase")) {
      if (name == kOutside && *test.attribute("name").value() == '\0') {
        ReadParts(test, report.outside);
      } else {
        report.cases.push_back(ReadCase(name, test));
      }
    }
  }
  return report;
}

}  // namespace paceline
