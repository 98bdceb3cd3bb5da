#include "worker/gtest/part_result.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "worker/gtest/case_name.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxMessage = 240;
constexpr std::size_t kMaxDetails = 256 * 1024;

// The start of `text`, of `size` bytes or a few less, not cut in the middle of
// a character.
absl::string_view WholeCharacters(absl::string_view text, std::size_t size) {
  const std::size_t most = size;
  while (size < text.size() && size > 0 && most - size < 3 &&
         (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  return text.substr(0, size);
}

}  // namespace

PartResult FromXml(const XmlPart& part) {
  PartResult result;
  const absl::string_view text = part.text;
  const std::size_t end = text.find('\n');
  const absl::string_view place = text.substr(0, end);
  const std::size_t colon = place.rfind(':');
  // An exception's.
  if (place == "unknown file" && end != absl::string_view::npos) {
    result.message = std::string(text.substr(end + 1));
    return result;
  }
  if (end == absl::string_view::npos || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(place.substr(colon + 1), &result.line)) {
    result.line = 0;  // a number that is too large was set
    result.message = part.text;
    return result;
  }
  result.file = std::string(place.substr(0, colon));
  result.message = std::string(text.substr(end + 1));
  return result;
}

bool IsSuccess(const PartResult& part) {
  return part.message == "Succeeded" ||
         absl::StartsWith(part.message, "Succeeded\n");
}

bool SaysWhy(const std::vector<PartResult>& parts) {
  return std::any_of(parts.begin(), parts.end(), [](const PartResult& part) {
    return !IsSuccess(part) &&
           !absl::StripAsciiWhitespace(part.message).empty();
  });
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
    if (line.size() > kMaxMessage) {
      return CleanName(WholeCharacters(line, kMaxMessage)) + "...";
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
      result.details.resize(
          WholeCharacters(result.details, kMaxDetails).size());
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
