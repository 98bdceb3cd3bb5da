// Assertions that failed, as text for people.

#ifndef PACELINE_WORKER_GTEST_PART_RESULT_H_
#define PACELINE_WORKER_GTEST_PART_RESULT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/model/result.h"
#include "worker/gtest/xml_report.h"

namespace paceline {

// A failure, a skip or a success somewhere in a program.
struct PartResult {
  std::string file;
  std::uint32_t line = 0;
  std::string message;
};

// The text of a part of the XML report, "file:line\nmessage", taken apart.
PartResult FromXml(const XmlPart& part);

// Whether `part` is what SUCCEED() leaves; the stream does not tell it from a
// failure.
bool IsSuccess(const PartResult& part);

// Whether a case with `parts` was skipped by itself: those that GoogleTest
// skips because set-up failed have no reason.
bool SaysWhy(const std::vector<PartResult>& parts);

// `text` on one line, of a length that fits into a list.
std::string OneLine(absl::string_view text);

// Fills message, details, file and line of a failed `result`.
void DescribeFailure(const std::vector<PartResult>& parts, TestResult& result);

// Fills the message of a skipped `result`: why.
void DescribeSkip(const std::vector<PartResult>& parts, TestResult& result);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_PART_RESULT_H_
