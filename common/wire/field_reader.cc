#include "common/wire/field_reader.h"

#include "absl/strings/str_cat.h"
#include "common/wire/text.h"

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

bool FieldReader::End() {
  return in_.done() ||
         Fail(absl::StrCat(in_.rest().size(), " bytes after its end"));
}

std::string FieldReader::Error() const {
  return absl::StrCat(path_, ": ", reason_);
}

bool FieldReader::Value(bool& value, const FlagRule&) {
  return in_.ReadBool(value) || Wrong("a boolean");
}

bool FieldReader::Value(Duration& value, const SpanRule&) {
  std::int64_t nanoseconds = 0;
  if (!in_.ReadInt(nanoseconds)) {
    return Wrong("a duration in whole nanoseconds");
  }
  value = Duration(nanoseconds);
  if (value < Duration::zero()) {
    return Fail(absl::StrCat("is ", nanoseconds, " ns, below zero"));
  }
  return value <= kMaxSpan ||
         Fail(absl::StrCat("is ", nanoseconds, " ns, over ten years"));
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
    if (!in_.ReadBinary(text)) {
      return Wrong("binary");
    }
  } else if (!in_.ReadString(text)) {
    return Wrong("a string");
  }
  if (text.size() > rule.max) {
    return Fail(absl::StrCat("is ", text.size(), " bytes, at most ", rule.max));
  }
  if (text.size() < rule.min) {
    return Fail("is empty");
  }
  if (rule.kind == StringKind::kLabel && !IsPrintable(text)) {
    return Fail("is not UTF-8 without control characters");
  }
  if (rule.kind == StringKind::kName &&
      text.find('\0') != absl::string_view::npos) {
    return Fail("holds a NUL byte");
  }
  value.assign(text.data(), text.size());
  return true;
}

bool FieldReader::Integer(std::uint64_t min, std::uint64_t max,
                          std::uint64_t& value) {
  if (!in_.ReadUint(value)) {
    return Wrong("an integer from 0");
  }
  if (value < min) {
    return Fail(absl::StrCat("is ", value, ", at least ", min));
  }
  return value <= max || Fail(absl::StrCat("is ", value, ", at most ", max));
}

bool FieldReader::RandomId(absl::string_view& bytes, std::size_t size) {
  if (!in_.ReadBinary(bytes)) {
    return Wrong("binary");
  }
  return bytes.size() == size ||
         Fail(absl::StrCat("is ", bytes.size(), " bytes, exactly ", size));
}

bool FieldReader::Array(std::uint32_t& count) {
  return in_.ReadArray(count) || Wrong("an array");
}

bool FieldReader::Exactly(std::uint32_t count, std::uint32_t arity) {
  return count == arity ||
         Fail(absl::StrCat(count, " fields, exactly ", arity));
}

bool FieldReader::AtMost(std::uint32_t count, std::size_t max) {
  return count <= max || Fail(absl::StrCat(count, " entries, at most ", max));
}

bool FieldReader::UnknownTag(std::uint64_t tag) {
  return Fail(absl::StrCat("is of unknown kind ", tag));
}

bool FieldReader::Fail(std::string reason) {
  reason_ = std::move(reason);
  return false;
}

bool FieldReader::Wrong(absl::string_view expected) {
  if (in_.done()) {
    return Fail(absl::StrCat("is missing: the bytes end before ", expected));
  }
  if (in_.cut_short()) {
    return Fail(absl::StrCat("is ", in_.Found(), " longer than the bytes"));
  }
  return Fail(absl::StrCat("is ", in_.Found(), ", not ", expected));
}

void FieldReader::Inside(const char* name) {
  path_ = absl::StrCat(".", name, path_);
}

void FieldReader::Inside(std::uint32_t index) {
  path_ = absl::StrCat("[", index, "]", path_);
}

}  // namespace paceline
