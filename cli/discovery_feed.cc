#include "cli/discovery_feed.h"

#include <utility>

namespace paceline {
namespace {

// Tests of CTest take half a kilobyte each here.
constexpr std::size_t kMaxWaiting = 4096;

}  // namespace

DiscoveryFeed::DiscoveryFeed(std::function<void()> wake)
    : wake_(std::move(wake)) {}

void DiscoveryFeed::Put(Found found) {
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock,
               [this] { return cancelled_ || found_.size() < kMaxWaiting; });
    if (cancelled_) {
      return;
    }
    first = found_.empty();
    found_.push_back(std::move(found));
  }
  if (first) {
    wake_();
  }
}

bool DiscoveryFeed::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

std::deque<Found> DiscoveryFeed::Take() {
  std::deque<Found> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(found_);
  }
  room_.notify_one();
  return taken;
}

void DiscoveryFeed::Cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    found_.clear();
  }
  room_.notify_all();
}

}  // namespace paceline
