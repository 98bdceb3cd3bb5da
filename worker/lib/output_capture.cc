#include "worker/lib/output_capture.h"

#include <algorithm>
#include <utility>

namespace paceline {

OutputCapture::OutputCapture(std::uint64_t limit)
    : head_limit_(limit - limit / 2), tail_limit_(limit / 2) {}

void OutputCapture::Append(absl::string_view bytes) {
  total_bytes_ += bytes.size();
  if (const std::size_t room = head_limit_ - head_.size(); room > 0) {
    const absl::string_view first = bytes.substr(0, room);
    head_.append(first.data(), first.size());
    bytes.remove_prefix(first.size());
  }
  if (!bytes.empty()) {
    AppendToTail(bytes);
  }
}

void OutputCapture::AppendToTail(absl::string_view bytes) {
  if (bytes.size() >= tail_limit_) {
    bytes.remove_prefix(bytes.size() - tail_limit_);
    tail_.assign(bytes.data(), bytes.size());
    oldest_ = 0;
    return;
  }
  if (const std::size_t room = tail_limit_ - tail_.size(); room > 0) {
    const absl::string_view first = bytes.substr(0, room);
    tail_.append(first.data(), first.size());
    bytes.remove_prefix(first.size());
  }
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.size(), tail_.size() - oldest_);
    std::copy_n(bytes.data(), length, tail_.data() + oldest_);
    bytes.remove_prefix(length);
    oldest_ = (oldest_ + length) % tail_limit_;
  }
}

CapturedOutput OutputCapture::Take() {
  CapturedOutput output;
  output.cut_bytes = total_bytes_ - head_.size() - tail_.size();
  std::rotate(tail_.begin(),
              tail_.begin() + static_cast<std::ptrdiff_t>(oldest_),
              tail_.end());
  output.head = std::exchange(head_, {});
  output.tail = std::exchange(tail_, {});
  if (output.cut_bytes == 0) {
    // Nothing is missing between the two.
    output.head += std::exchange(output.tail, {});
  }
  total_bytes_ = 0;
  oldest_ = 0;
  return output;
}

}  // namespace paceline
