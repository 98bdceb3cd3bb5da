#include "worker/gtest/stream_reader.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace paceline {
namespace {

using Kind = StreamEvent::Kind;

struct NamedKind {
  absl::string_view name;
  Kind kind;
};
constexpr NamedKind kKinds[] = {
    {"TestStart", Kind::kTestStart},
    {"TestEnd", Kind::kTestEnd},
    {"TestPartResult", Kind::kPartResult},
    {"TestCaseStart", Kind::kSuiteStart},
    {"TestCaseEnd", Kind::kSuiteEnd},
    {"TestIterationStart", Kind::kIterationStart},
    {"TestIterationEnd", Kind::kIterationEnd},
    {"TestProgramStart", Kind::kProgramStart},
    {"TestProgramEnd", Kind::kProgramEnd},
};

int HexDigit(char c) {
  if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
    return -1;
  }
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower <= '9' ? lower - '0' : lower - 'a' + 10;
}

std::string UrlDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 +
                                          HexDigit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

// Removes "key=value" from the start of `fields`, with the '&' after it, and
// returns the value; nothing if another key stands there.
std::optional<absl::string_view> TakeField(absl::string_view key,
                                           absl::string_view& fields) {
  absl::string_view rest = fields;
  if (!absl::ConsumePrefix(&rest, key) || !absl::ConsumePrefix(&rest, "=")) {
    return std::nullopt;
  }
  const std::size_t end = std::min(rest.find('&'), rest.size());
  const absl::string_view value = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  fields = rest;
  return value;
}

Duration ParseElapsed(absl::string_view text) {
  // A year; more is no duration of a test.
  constexpr std::int64_t kMaxMilliseconds = 31'536'000'000;
  std::int64_t milliseconds = 0;
  if (!absl::ConsumeSuffix(&text, "ms") ||
      !absl::SimpleAtoi(text, &milliseconds)) {
    return Duration::zero();
  }
  return std::chrono::milliseconds(
      std::clamp<std::int64_t>(milliseconds, 0, kMaxMilliseconds));
}

std::optional<StreamEvent> ParseEvent(absl::string_view line) {
  StreamEvent event;
  if (absl::ConsumePrefix(&line, "gtest_streaming_protocol_version=")) {
    return event;
  }
  const std::optional<absl::string_view> type = TakeField("event", line);
  if (!type.has_value()) {
    return std::nullopt;
  }
  const auto* known =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&type](const NamedKind& k) { return k.name == *type; });
  if (known == std::end(kKinds)) {
    return std::nullopt;
  }
  event.kind = known->kind;
  // Not encoded: the rest of the line, whatever is in it.
  if (absl::ConsumePrefix(&line, "name=")) {
    event.name = std::string(line);
    return event;
  }
  if (const auto passed = TakeField("passed", line); passed.has_value()) {
    event.passed = *passed == "1";
  }
  if (const auto elapsed = TakeField("elapsed_time", line);
      elapsed.has_value()) {
    event.elapsed = ParseElapsed(*elapsed);
  }
  if (const auto file = TakeField("file", line); file.has_value()) {
    event.file = UrlDecode(*file);
  }
  if (const auto number = TakeField("line", line); number.has_value()) {
    // -1 where GoogleTest does not know it.
    if (!absl::SimpleAtoi(*number, &event.line)) {
      event.line = 0;
    }
  }
  if (const auto message = TakeField("message", line); message.has_value()) {
    event.message = UrlDecode(*message);
  }
  return event;
}

}  // namespace

void StreamReader::Append(absl::string_view bytes,
                          const std::function<void(StreamEvent)>& on_event) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const absl::string_view part = bytes.substr(0, end);
    // The usual case, a whole line in one chunk, needs no copy.
    absl::string_view line = part;
    if (!line_.empty() || end == absl::string_view::npos) {
      const std::size_t room = kMaxLine - line_.size();
      line_.append(part.data(), std::min(part.size(), room));
      line = line_;
    }
    if (end == absl::string_view::npos) {
      return;
    }
    bytes.remove_prefix(end + 1);
    if (std::optional<StreamEvent> event = ParseEvent(line.substr(0, kMaxLine));
        event.has_value()) {
      on_event(*std::move(event));
    }
    line_.clear();
  }
}

}  // namespace paceline
