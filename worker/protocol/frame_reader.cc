#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

constexpr std::size_t kLengthBytes = 4;

}  // namespace

void FrameReader::Append(absl::string_view bytes) {
  // Moving the rest to the front costs no more than reading what is before it
  // did, so that a long stream costs time in proportion.
  if (read_ >= buffer_.size() - read_) {
    buffer_.erase(0, read_);
    read_ = 0;
  }
  buffer_.append(bytes.data(), bytes.size());
}

absl::StatusOr<std::optional<absl::string_view>> FrameReader::Next() {
  const absl::string_view rest = absl::string_view(buffer_).substr(read_);
  if (rest.size() < kLengthBytes) {
    return std::nullopt;
  }
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length = (length << 8) | static_cast<std::uint8_t>(rest[i]);
  }
  if (length == 0 || length > kMaxWorkerFrame) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame: length ", length, ", from 1 to ", kMaxWorkerFrame));
  }
  if (rest.size() - kLengthBytes < length) {
    return std::nullopt;
  }
  read_ += kLengthBytes + length;
  return rest.substr(kLengthBytes, length);
}

}  // namespace paceline
