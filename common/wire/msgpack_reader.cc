#include "common/wire/msgpack_reader.h"

#include <bit>
#include <limits>

namespace paceline {
namespace {

// First bytes that stand for a kind, from the MessagePack specification; the
// other kinds keep a part of their value in the first byte.
enum Lead : std::uint8_t {
  kNil = 0xc0,
  kNeverUsed = 0xc1,
  kFalse = 0xc2,
  kTrue = 0xc3,
  kBin8 = 0xc4,
  kBin16 = 0xc5,
  kBin32 = 0xc6,
  kExt8 = 0xc7,
  kExt16 = 0xc8,
  kExt32 = 0xc9,
  kFloat32 = 0xca,
  kFloat64 = 0xcb,
  kUint8 = 0xcc,
  kUint64 = 0xcf,
  kInt8 = 0xd0,
  kInt64 = 0xd3,
  kFixExt1 = 0xd4,
  kFixExt16 = 0xd8,
  kStr8 = 0xd9,
  kStr32 = 0xdb,
  kArray16 = 0xdc,
  kArray32 = 0xdd,
  kMap16 = 0xde,
  kMap32 = 0xdf,
};

bool IsPositiveFix(std::uint8_t lead) { return lead < 0x80; }
bool IsNegativeFix(std::uint8_t lead) { return lead >= 0xe0; }
bool IsFixMap(std::uint8_t lead) { return (lead & 0xf0) == 0x80; }
bool IsFixArray(std::uint8_t lead) { return (lead & 0xf0) == 0x90; }
bool IsFixString(std::uint8_t lead) { return (lead & 0xe0) == 0xa0; }

}  // namespace

bool MsgpackReader::Big(std::size_t width, std::uint64_t& value) const {
  if (rest_.size() < 1 + width) {
    return false;
  }
  value = 0;
  for (std::size_t i = 1; i <= width; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(rest_[i]);
  }
  return true;
}

bool MsgpackReader::Take(std::size_t header, std::uint64_t length,
                         absl::string_view& out) {
  if (rest_.size() - header < length) {
    return false;
  }
  out = rest_.substr(header, static_cast<std::size_t>(length));
  rest_.remove_prefix(header + static_cast<std::size_t>(length));
  return true;
}

bool MsgpackReader::ReadNil() {
  if (Lead() != kNil) {
    return false;
  }
  rest_.remove_prefix(1);
  return true;
}

bool MsgpackReader::ReadBool(bool& value) {
  const std::uint8_t lead = Lead();
  if (lead != kTrue && lead != kFalse) {
    return false;
  }
  value = lead == kTrue;
  rest_.remove_prefix(1);
  return true;
}

bool MsgpackReader::ReadUint(std::uint64_t& value) {
  const std::uint8_t lead = Lead();
  if (IsPositiveFix(lead)) {
    value = lead;
    rest_.remove_prefix(1);
    return true;
  }
  if (lead >= kUint8 && lead <= kUint64) {
    const std::size_t width = std::size_t{1} << (lead - kUint8);
    if (!Big(width, value)) {
      return false;
    }
    rest_.remove_prefix(1 + width);
    return true;
  }
  // Some libraries write every number as a signed one.
  if (lead >= kInt8 && lead <= kInt64) {
    MsgpackReader ahead = *this;
    std::int64_t number = 0;
    if (!ahead.ReadInt(number) || number < 0) {
      return false;
    }
    value = static_cast<std::uint64_t>(number);
    *this = ahead;
    return true;
  }
  return false;
}

bool MsgpackReader::ReadInt(std::int64_t& value) {
  const std::uint8_t lead = Lead();
  if (IsNegativeFix(lead)) {
    value = static_cast<std::int8_t>(lead);
    rest_.remove_prefix(1);
    return true;
  }
  if (lead >= kInt8 && lead <= kInt64) {
    const std::size_t width = std::size_t{1} << (lead - kInt8);
    std::uint64_t raw = 0;
    if (!Big(width, raw)) {
      return false;
    }
    const std::size_t unused = 64 - 8 * width;
    value = static_cast<std::int64_t>(raw << unused) >> unused;
    rest_.remove_prefix(1 + width);
    return true;
  }
  MsgpackReader ahead = *this;
  std::uint64_t number = 0;
  constexpr auto kMax =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!ahead.ReadUint(number) || number > kMax) {
    return false;
  }
  value = static_cast<std::int64_t>(number);
  *this = ahead;
  return true;
}

bool MsgpackReader::ReadDouble(double& value) {
  const std::uint8_t lead = Lead();
  std::uint64_t raw = 0;
  if (lead == kFloat32 && Big(4, raw)) {
    value = static_cast<double>(
        std::bit_cast<float>(static_cast<std::uint32_t>(raw)));
    rest_.remove_prefix(5);
    return true;
  }
  if (lead == kFloat64 && Big(8, raw)) {
    value = std::bit_cast<double>(raw);
    rest_.remove_prefix(9);
    return true;
  }
  return false;
}

bool MsgpackReader::ReadString(absl::string_view& value) {
  const std::uint8_t lead = Lead();
  if (IsFixString(lead)) {
    return Take(1, lead & 0x1f, value);
  }
  if (lead < kStr8 || lead > kStr32) {
    return false;
  }
  const std::size_t width = std::size_t{1} << (lead - kStr8);
  std::uint64_t length = 0;
  return Big(width, length) && Take(1 + width, length, value);
}

bool MsgpackReader::ReadBinary(absl::string_view& value) {
  const std::uint8_t lead = Lead();
  if (lead < kBin8 || lead > kBin32) {
    return false;
  }
  const std::size_t width = std::size_t{1} << (lead - kBin8);
  std::uint64_t length = 0;
  return Big(width, length) && Take(1 + width, length, value);
}

bool MsgpackReader::ReadArray(std::uint32_t& count) {
  const std::uint8_t lead = Lead();
  std::size_t header = 1;
  std::uint64_t entries = 0;
  if (IsFixArray(lead)) {
    entries = lead & 0x0f;
  } else if (lead == kArray16 || lead == kArray32) {
    const std::size_t width = lead == kArray16 ? 2 : 4;
    if (!Big(width, entries)) {
      return false;
    }
    header += width;
  } else {
    return false;
  }
  // An entry takes a byte at least.
  if (entries > rest_.size() - header) {
    return false;
  }
  count = static_cast<std::uint32_t>(entries);
  rest_.remove_prefix(header);
  return true;
}

bool MsgpackReader::ReadMap(std::uint32_t& count) {
  const std::uint8_t lead = Lead();
  std::size_t header = 1;
  std::uint64_t pairs = 0;
  if (IsFixMap(lead)) {
    pairs = lead & 0x0f;
  } else if (lead == kMap16 || lead == kMap32) {
    const std::size_t width = lead == kMap16 ? 2 : 4;
    if (!Big(width, pairs)) {
      return false;
    }
    header += width;
  } else {
    return false;
  }
  if (2 * pairs > rest_.size() - header) {
    return false;
  }
  count = static_cast<std::uint32_t>(pairs);
  rest_.remove_prefix(header);
  return true;
}

bool MsgpackReader::Extent(std::uint64_t& own, std::uint64_t& entries) const {
  const std::uint8_t lead = Lead();
  own = 1;
  entries = 0;
  if (rest_.empty() || lead == kNeverUsed) {
    return false;
  }
  if (IsPositiveFix(lead) || IsNegativeFix(lead) || lead == kNil ||
      lead == kFalse || lead == kTrue) {
    return true;
  }
  if (IsFixString(lead)) {
    own += lead & 0x1f;
    return true;
  }
  if (IsFixArray(lead)) {
    entries = lead & 0x0f;
    return true;
  }
  if (IsFixMap(lead)) {
    entries = 2 * std::uint64_t{lead & 0x0fU};
    return true;
  }
  if (lead == kFloat32 || lead == kFloat64) {
    own += lead == kFloat32 ? 4 : 8;
    return true;
  }
  if (lead >= kUint8 && lead <= kInt64) {
    own += std::uint64_t{1} << ((lead - kUint8) % 4);
    return true;
  }
  if (lead >= kFixExt1 && lead <= kFixExt16) {
    own += 1 + (std::uint64_t{1} << (lead - kFixExt1));
    return true;
  }
  // What is left has a length of 1, 2 or 4 bytes after the first byte.
  std::uint64_t length = 0;
  std::size_t width = 0;
  if (lead >= kBin8 && lead <= kExt32) {
    width = std::size_t{1} << ((lead - kBin8) % 3);
    own += lead >= kExt8 ? 1 : 0;  // the extension's type
  } else if (lead <= kStr32) {
    width = std::size_t{1} << (lead - kStr8);
  } else {
    width = lead == kArray16 || lead == kMap16 ? 2 : 4;
  }
  if (!Big(width, length)) {
    return false;
  }
  own += width;
  if (lead >= kMap16) {
    entries = 2 * length;
  } else if (lead >= kArray16) {
    entries = length;
  } else {
    own += length;
  }
  return true;
}

bool MsgpackReader::Skip(int max_depth) {
  std::uint64_t own = 0;
  std::uint64_t entries = 0;
  if (!Extent(own, entries) || own > rest_.size() ||
      entries > rest_.size() - own) {
    return false;
  }
  if (entries > 0 && max_depth <= 0) {
    return false;
  }
  MsgpackReader ahead = *this;
  ahead.rest_.remove_prefix(static_cast<std::size_t>(own));
  for (; entries > 0; --entries) {
    if (!ahead.Skip(max_depth - 1)) {
      return false;
    }
  }
  *this = ahead;
  return true;
}

absl::string_view MsgpackReader::Found() const {
  const std::uint8_t lead = Lead();
  if (rest_.empty()) {
    return "the end";
  }
  if (IsPositiveFix(lead) || (lead >= kUint8 && lead <= kUint64)) {
    return "an integer";
  }
  if (IsNegativeFix(lead)) {
    return "a negative integer";
  }
  if (lead >= kInt8 && lead <= kInt64) {
    MsgpackReader ahead = *this;
    std::int64_t value = 0;
    return ahead.ReadInt(value) && value < 0 ? "a negative integer"
                                             : "an integer";
  }
  if (IsFixString(lead) || (lead >= kStr8 && lead <= kStr32)) {
    return "a string";
  }
  if (IsFixArray(lead) || lead == kArray16 || lead == kArray32) {
    return "an array";
  }
  if (IsFixMap(lead) || lead == kMap16 || lead == kMap32) {
    return "a map";
  }
  if (lead >= kBin8 && lead <= kBin32) {
    return "binary";
  }
  if (lead == kNil) {
    return "nil";
  }
  if (lead == kTrue || lead == kFalse) {
    return "a boolean";
  }
  if (lead == kFloat32 || lead == kFloat64) {
    return "a float";
  }
  return lead == kNeverUsed ? "no MessagePack" : "an extension";
}

bool MsgpackReader::cut_short() const {
  std::uint64_t own = 0;
  std::uint64_t entries = 0;
  if (!Extent(own, entries)) {
    return Lead() != kNeverUsed || rest_.empty();
  }
  return own > rest_.size() || entries > rest_.size() - own;
}

}  // namespace paceline
