// A MessagePack cursor that says what is wrong, and where.
//
// The base of the readers of the fleet protocol and of the worker protocol. A
// read returns false at the first thing that is wrong; on the way out each
// level puts its name in front with Inside(), so that the good path pays
// nothing for an error that says "grant.leases[3].tests: 2000 entries, at most
// 1024".

#ifndef PACELINE_COMMON_WIRE_CHECKED_READER_H_
#define PACELINE_COMMON_WIRE_CHECKED_READER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/wire/msgpack_reader.h"

namespace paceline {

// No duration of a peer or worker is longer, so that adding a few to an
// Instant cannot overflow.
inline constexpr Duration kMaxSpan = std::chrono::hours(24 * 3660);

class CheckedReader {
 public:
  explicit CheckedReader(absl::string_view bytes) : in_(bytes) {}

  // Nothing may be left.
  bool End();

  // Where and what: ".leases[3].tests: 2000 entries, at most 1024".
  std::string Error() const;

 protected:
  MsgpackReader& in() { return in_; }

  bool Bool(bool& value);
  bool Integer(std::uint64_t min, std::uint64_t max, std::uint64_t& value);
  // Whole nanoseconds, from zero to kMaxSpan.
  bool Span(Duration& value);
  bool Array(std::uint32_t& count);
  bool Exactly(std::uint32_t count, std::uint32_t arity);
  bool AtMost(std::uint32_t count, std::size_t max);

  // These check a string that was read.
  bool Length(absl::string_view text, std::size_t min, std::size_t max);
  bool Printable(absl::string_view text);
  bool WithoutNul(absl::string_view text);

  // Notes what is wrong. Always returns false.
  bool Fail(std::string reason);
  // Notes that something else, or nothing, is where `expected` should be.
  // Always returns false.
  bool Wrong(absl::string_view expected);

  void Inside(absl::string_view name);
  void Inside(std::uint32_t index);

 private:
  MsgpackReader in_;
  std::string path_;
  std::string reason_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_CHECKED_READER_H_
