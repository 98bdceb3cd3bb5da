// The report that a GoogleTest program leaves (--gtest_output=xml:FILE).
//
// It tells skipped from failed, and holds properties and failures' texts. It
// says nothing reliable about cases that never started, and does not exist
// when the program died; who believes what is decided elsewhere.

#ifndef PACELINE_WORKER_GTEST_XML_REPORT_H_
#define PACELINE_WORKER_GTEST_XML_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/model/result.h"

namespace paceline {

// A failure or a skip, as the report words it: "file:line\ntext".
struct XmlPart {
  std::string text;
  bool skip = false;

  friend bool operator==(const XmlPart&, const XmlPart&) = default;
};

struct XmlCase {
  std::string name;  // "Suite.Case"
  // Whether the report shows that it began: selected, and with a time of its
  // own where this version of GoogleTest writes one.
  bool began = false;
  bool failed = false;
  bool skipped = false;
  Duration elapsed{};
  std::vector<XmlPart> parts;
  TestProperties properties;

  friend bool operator==(const XmlCase&, const XmlCase&) = default;
};

// What was recorded outside of cases: by a suite's set-up or tear-down, or by
// an environment (`suite` is empty then).
struct XmlProperties {
  std::string suite;
  TestProperties properties;

  friend bool operator==(const XmlProperties&, const XmlProperties&) = default;
};

struct XmlReport {
  std::vector<XmlCase> cases;
  // Failures outside of any suite: an environment's, or of main.
  std::vector<XmlPart> outside;
  std::vector<XmlProperties> properties;
};

// Returns kInvalidArgument with where and why when `xml` is not whole.
absl::StatusOr<XmlReport> ParseXmlReport(absl::string_view xml);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_XML_REPORT_H_
