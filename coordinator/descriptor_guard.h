// Whether the coordinator may take new connections, by how many descriptors
// are left.
//
// At the limit a listener stays readable and libzmq's thread spins on it, and
// nothing else can be opened, a journal's file least of all. So it is closed
// while some are left, and opened again when there is room. Pure state.

#ifndef PACELINE_COORDINATOR_DESCRIPTOR_GUARD_H_
#define PACELINE_COORDINATOR_DESCRIPTOR_GUARD_H_

#include <cstdint>
#include <optional>

namespace paceline {

class DescriptorGuard {
 public:
  // Kept for all that is no connection.
  static constexpr std::uint64_t kReserve = 64;

  explicit DescriptorGuard(std::uint64_t limit)
      : most_(limit > 2 * kReserve ? limit - kReserve : limit / 2) {}

  bool listening() const { return listening_; }
  // Descriptors at which it stops to listen.
  std::uint64_t most() const { return most_; }

  // `open` are open now; nothing: there are too few left to count them.
  // Returns whether listening() has changed.
  bool Look(std::optional<std::uint64_t> open) {
    const bool before = listening_;
    if (!open.has_value() || *open >= most_) {
      listening_ = false;
    } else if (*open < most_ - most_ / 10) {
      listening_ = true;
    }
    return listening_ != before;
  }

 private:
  const std::uint64_t most_;
  bool listening_ = true;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_DESCRIPTOR_GUARD_H_
