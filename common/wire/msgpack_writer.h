// MessagePack values onto the end of a string.
//
// A thin front of msgpack-c's packer, so that its headers (a second to
// compile) stay in one .cc file.

#ifndef PACELINE_COMMON_WIRE_MSGPACK_WRITER_H_
#define PACELINE_COMMON_WIRE_MSGPACK_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

class MsgpackWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit MsgpackWriter(std::string& out) : out_(out) {}

  void Nil();
  void Bool(bool value);
  void Uint(std::uint64_t value);
  void Int(std::int64_t value);
  void String(absl::string_view value);
  void Binary(absl::string_view value);
  // The header alone: `count` values (for a map, `count` pairs) follow.
  void Array(std::size_t count);
  void Map(std::size_t count);

 private:
  std::string& out_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_MSGPACK_WRITER_H_
