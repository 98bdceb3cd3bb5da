// A cursor over MessagePack bytes that nobody has vouched for.
//
// Nothing is built and nothing is allocated: strings are views into the bytes,
// and a list or map that announces more entries than there are bytes left is
// refused before anybody makes room for it. What the values mean, and whether
// they are in range, is for the caller to say.
//
// msgpack-c's own unpack, which makes a tree and throws, is the oracle of the
// tests.

#ifndef PACELINE_COMMON_WIRE_MSGPACK_READER_H_
#define PACELINE_COMMON_WIRE_MSGPACK_READER_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace paceline {

// The Read methods return whether a value of their kind came next and was
// whole. Where they return false, the cursor has not moved; Found() then says
// what is there. Copies are independent cursors over the same bytes.
class MsgpackReader {
 public:
  // `bytes` must outlive the reader and every view it gives out.
  explicit MsgpackReader(absl::string_view bytes) : rest_(bytes) {}

  // The bytes not yet read.
  absl::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

  bool ReadNil();
  bool ReadBool(bool& value);
  // Any encoding of an integer in the type's range.
  bool ReadUint(std::uint64_t& value);
  bool ReadInt(std::int64_t& value);
  // A float or a double; integers are not converted.
  bool ReadDouble(double& value);
  bool ReadString(absl::string_view& value);
  bool ReadBinary(absl::string_view& value);
  // The header alone: `count` values (for a map, `count` pairs) follow.
  bool ReadArray(std::uint32_t& count);
  bool ReadMap(std::uint32_t& count);

  // Passes over one whole value of any kind. Returns false if it is cut short,
  // is no MessagePack, or nests deeper than `max_depth`.
  bool Skip(int max_depth);

  // What comes next, for an error message: "a map", "nil", "the end".
  absl::string_view Found() const;
  // Whether the next value is announced but its bytes are not all there.
  bool cut_short() const;

 private:
  // Views the `length` payload bytes after a header of `header` bytes and
  // moves behind them.
  bool Take(std::size_t header, std::uint64_t length, absl::string_view& out);
  // The big-endian number of `width` bytes after the first byte, if there.
  bool Big(std::size_t width, std::uint64_t& value) const;
  // The first byte, or 0xc1 (which is never used) at the end.
  std::uint8_t Lead() const {
    return rest_.empty() ? std::uint8_t{0xc1}
                         : static_cast<std::uint8_t>(rest_.front());
  }
  // Bytes of the next value that are its own: header, and payload if it is a
  // scalar. `entries` is what follows a list's or map's header. Returns false
  // for a byte that begins no value, or a header that is not whole.
  bool Extent(std::uint64_t& own, std::uint64_t& entries) const;

  absl::string_view rest_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_MSGPACK_READER_H_
