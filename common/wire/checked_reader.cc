#include "common/wire/checked_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/wire/text.h"

namespace paceline {

bool CheckedReader::End() {
  return in_.done() ||
         Fail(absl::StrCat(in_.rest().size(), " bytes after its end"));
}

std::string CheckedReader::Error() const {
  return absl::StrCat(path_, ": ", reason_);
}

bool CheckedReader::Bool(bool& value) {
  return in_.ReadBool(value) || Wrong("a boolean");
}

bool CheckedReader::Integer(std::uint64_t min, std::uint64_t max,
                            std::uint64_t& value) {
  if (!in_.ReadUint(value)) {
    return Wrong("an integer from 0");
  }
  if (value < min) {
    return Fail(absl::StrCat("is ", value, ", at least ", min));
  }
  return value <= max || Fail(absl::StrCat("is ", value, ", at most ", max));
}

bool CheckedReader::Span(Duration& value) {
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

bool CheckedReader::Array(std::uint32_t& count) {
  return in_.ReadArray(count) || Wrong("an array");
}

bool CheckedReader::Exactly(std::uint32_t count, std::uint32_t arity) {
  return count == arity ||
         Fail(absl::StrCat(count, " fields, exactly ", arity));
}

bool CheckedReader::AtMost(std::uint32_t count, std::size_t max) {
  return count <= max || Fail(absl::StrCat(count, " entries, at most ", max));
}

bool CheckedReader::Length(absl::string_view text, std::size_t min,
                           std::size_t max) {
  if (text.size() < min) {
    return Fail("is empty");
  }
  return text.size() <= max ||
         Fail(absl::StrCat("is ", text.size(), " bytes, at most ", max));
}

bool CheckedReader::Printable(absl::string_view text) {
  return IsPrintable(text) || Fail("is not UTF-8 without control characters");
}

bool CheckedReader::WithoutNul(absl::string_view text) {
  return text.find('\0') == absl::string_view::npos || Fail("holds a NUL byte");
}

bool CheckedReader::Fail(std::string reason) {
  reason_ = std::move(reason);
  return false;
}

bool CheckedReader::Wrong(absl::string_view expected) {
  if (in_.done()) {
    return Fail(absl::StrCat("is missing: the bytes end before ", expected));
  }
  if (in_.cut_short()) {
    return Fail(absl::StrCat("is ", in_.Found(), ", cut short"));
  }
  return Fail(absl::StrCat("is ", in_.Found(), ", not ", expected));
}

void CheckedReader::Inside(absl::string_view name) {
  path_ = absl::StrCat(".", name, path_);
}

void CheckedReader::Inside(std::uint32_t index) {
  path_ = absl::StrCat("[", index, "]", path_);
}

}  // namespace paceline
