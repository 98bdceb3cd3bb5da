#include "worker/gtest/part_result.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "worker/gtest/case_name.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxMessage = 240;
constexpr std::size_t kMaxDetails = 256 * 1024;

// What SUCCEED() leaves; the stream does not tell it from a failure.
bool IsSuccess(const PartResult& part) {
  return part.message == "Succeeded" ||
         absl::StartsWith(part.message, "Succeeded\n");
}

}  // namespace

PartResult FromXml(const XmlPart& part) {
  PartResult result;
  const absl::string_view text = part.text;
  const std::size_t end = text.find('\n');
  const absl::string_view place = text.substr(0, end);
  const std::size_t colon = place.rfind(':');
  if (end == absl::string_view::npos || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(place.substr(colon + 1), &result.line)) {
    result.message = part.text;
    return result;
  }
  result.file = std::string(place.substr(0, colon));
  result.message = std::string(text.substr(end + 1));
  return result;
}

std::string OneLine(absl::string_view text) {
  std::string line;
  bool space = false;
  for (const char c : text) {
    if (absl::ascii_isspace(static_cast<unsigned char>(c)) ||
        absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      space = !line.empty();
      continue;
    }
    if (space) {
      line.push_back(' ');
      space = false;
    }
    line.push_back(c);
    if (line.size() >= kMaxMessage) {
      // Not in the middle of a character.
      while (!line.empty() &&
             (static_cast<unsigned char>(line.back()) & 0x80U) != 0) {
        line.pop_back();
      }
      return CleanName(line) + "...";
    }
  }
  return CleanName(line);
}

void DescribeFailure(const std::vector<PartResult>& parts, TestResult& result) {
  bool first = true;
  for (const PartResult& part : parts) {
    if (IsSuccess(part)) {
      continue;
    }
    if (first) {
      first = false;
      result.file = part.file;
      result.line = part.line;
      if (result.message.empty()) {
        result.message = OneLine(part.message);
      }
    } else {
      result.details += "\n\n";
    }
    if (!part.file.empty()) {
      absl::StrAppend(&result.details, part.file, ":", part.line,
                      ": Failure\n");
    }
    result.details += part.message;
    if (result.details.size() > kMaxDetails) {
      result.details.resize(kMaxDetails);
      result.details += "\n(cut here)";
      break;
    }
  }
}

void DescribeSkip(const std::vector<PartResult>& parts, TestResult& result) {
  // A skip ends its case, so its reason is the last that was said.
  if (!parts.empty()) {
    result.message = OneLine(parts.back().message);
    result.file = parts.back().file;
    result.line = parts.back().line;
  }
  if (result.message.empty()) {
    result.message = "skipped by GoogleTest";
  }
}

}  // namespace paceline
