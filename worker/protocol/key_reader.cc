#include "worker/protocol/key_reader.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/wire/text.h"

namespace paceline {
namespace {

// How deep the values of unknown keys may nest.
constexpr int kMaxUnknownDepth = 16;

}  // namespace

bool KeyReader::Type(absl::string_view& type) {
  std::uint32_t count = 0;
  if (!MapHeader(count)) {
    return false;
  }
  bool found = false;
  for (; count > 0; --count) {
    absl::string_view key;
    if (!Key(key)) {
      return false;
    }
    if (key != "type") {
      if (!PassOver()) {
        return false;
      }
    } else if (found || !in().ReadString(type)) {
      found ? Fail("is given twice") : Wrong("a string");
      Inside("type");
      return false;
    } else {
      found = true;
    }
  }
  if (!found) {
    Fail("is missing");
    Inside("type");
  }
  return found;
}

bool KeyReader::MapHeader(std::uint32_t& count) {
  return in().ReadMap(count) || Wrong("a map");
}

bool KeyReader::Key(absl::string_view& key) {
  if (in().ReadString(key)) {
    return true;
  }
  return Fail(absl::StrCat("a key is ", in().Found(), ", not a string"));
}

bool KeyReader::PassOver() {
  return in().Skip(kMaxUnknownDepth) ||
         Fail(
             "an unknown key's value is cut short, is no MessagePack, or "
             "nests too deep");
}

bool KeyReader::Seconds(Duration& value) {
  double seconds = 0;
  std::uint64_t whole = 0;
  if (in().ReadUint(whole)) {
    seconds = static_cast<double>(whole);
  } else if (!in().ReadDouble(seconds)) {
    return Wrong("seconds from 0");
  }
  // Written so that a NaN does not pass.
  if (!(seconds >= 0 && seconds <= ToSeconds(kMaxSpan))) {
    return Fail(absl::StrCat("is ", seconds, " s, not from 0 to ten years"));
  }
  value = FromSeconds(seconds);
  return true;
}

bool KeyReader::Text(absl::string_view& text) {
  return in().ReadString(text) || in().ReadBinary(text) || Wrong("a string");
}

bool KeyReader::Value(Outcome& value, const WordRule&) {
  absl::string_view word;
  if (!Text(word)) {
    return false;
  }
  const std::optional<Outcome> outcome = OutcomeFromString(word);
  if (!outcome.has_value()) {
    return Fail(absl::StrCat("is \"", absl::CHexEscape(word.substr(0, 40)),
                             "\", which is no outcome"));
  }
  if (*outcome == Outcome::kLost) {
    return Fail("is \"lost\", which is not for a worker to say");
  }
  value = *outcome;
  return true;
}

bool KeyReader::Value(std::string& value, const TextRule& rule) {
  absl::string_view text;
  if (!Text(text)) {
    return false;
  }
  if (rule.kind == TextKind::kProse) {
    value = CutText(text, rule.max);
    return true;
  }
  if (!Length(text, rule.min, rule.max) ||
      (rule.kind == TextKind::kWords && !Printable(text)) ||
      (rule.kind == TextKind::kSystem && !WithoutNul(text))) {
    return false;
  }
  value.assign(text.data(), text.size());
  return true;
}

bool KeyReader::Value(EnvEdit& value, const EnvRule&) {
  std::uint32_t count = 0;
  if (!Array(count) || !Exactly(count, 2) || !Value(value.name, kSystemName)) {
    return false;
  }
  if (in().ReadNil()) {
    value.value.reset();
    return true;
  }
  return Value(value.value.emplace(), kParameter);
}

bool KeyReader::Value(std::pair<std::string, std::string>& value,
                      const PropertyRule&) {
  std::uint32_t count = 0;
  return Array(count) && Exactly(count, 2) && Value(value.first, kSentence) &&
         Value(value.second, kSentence);
}

}  // namespace paceline
