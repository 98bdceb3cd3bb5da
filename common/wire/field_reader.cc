#include "common/wire/field_reader.h"

#include "absl/strings/str_cat.h"

namespace paceline {

bool FieldReader::Tag(std::uint64_t& tag, std::uint32_t& fields) {
  std::uint32_t count = 0;
  if (!Array(count)) {
    return false;
  }
  if (count == 0) {
    return Fail("is an empty array, without even a type");
  }
  fields = count - 1;
  return Integer(0, std::numeric_limits<std::uint64_t>::max(), tag);
}

bool FieldReader::Value(Token& value, const LeaseTokenRule&) {
  std::uint32_t count = 0;
  std::uint64_t epoch = 0;
  if (!Array(count) || !Exactly(count, 2) ||
      !Integer(0, std::numeric_limits<std::uint32_t>::max(), epoch) ||
      !Integer(0, std::numeric_limits<std::uint64_t>::max(), value.counter)) {
    return false;
  }
  value.epoch = static_cast<std::uint32_t>(epoch);
  return value != Token{} || Fail("is the zero token, which is nobody's");
}

bool FieldReader::Value(std::string& value, const StringRule& rule) {
  absl::string_view text;
  if (rule.kind == StringKind::kBytes) {
    if (!in().ReadBinary(text)) {
      return Wrong("binary");
    }
  } else if (!in().ReadString(text)) {
    return Wrong("a string");
  }
  if (!Length(text, rule.min, rule.max) ||
      (rule.kind == StringKind::kLabel && !Printable(text)) ||
      (rule.kind == StringKind::kName && !WithoutNul(text))) {
    return false;
  }
  value.assign(text.data(), text.size());
  return true;
}

bool FieldReader::RandomId(absl::string_view& bytes, std::size_t size) {
  if (!in().ReadBinary(bytes)) {
    return Wrong("binary");
  }
  return bytes.size() == size ||
         Fail(absl::StrCat("is ", bytes.size(), " bytes, exactly ", size));
}

bool FieldReader::UnknownTag(std::uint64_t tag) {
  return Fail(absl::StrCat("is of unknown kind ", tag));
}

}  // namespace paceline
