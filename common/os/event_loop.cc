#include "common/os/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/poll_timeout.h"

namespace paceline {
namespace {

constexpr int kEventsPerTurn = 64;
constexpr std::uint64_t kWakeGeneration = 0;

// A number may be closed and used anew between epoll_wait and its callback;
// the generation tells the two apart.
std::uint64_t Pack(int fd, std::uint64_t generation) {
  return generation << 32 | static_cast<std::uint32_t>(fd);
}

epoll_event MakeEvent(std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return event;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  loop->epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_.valid() || !loop->waker_.valid()) {
    return absl::ResourceExhaustedError(
        "cannot make an event loop: no descriptors are left (ulimit -n)");
  }
  epoll_event event =
      MakeEvent(EPOLLIN, Pack(loop->waker_.fd(), kWakeGeneration));
  if (epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->waker_.fd(), &event) !=
      0) {
    return absl::ErrnoToStatus(errno, "cannot make an event loop");
  }
  return loop;
}

absl::Status EventLoop::Add(int fd, std::uint32_t events, Callback callback) {
  const std::uint64_t generation = next_generation_++;
  epoll_event event = MakeEvent(events, Pack(fd, generation));
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot watch descriptor ", fd));
  }
  watches_[fd] =
      std::make_shared<Watch>(Watch{std::move(callback), generation});
  return absl::OkStatus();
}

absl::Status EventLoop::Modify(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) {
    return absl::NotFoundError(
        absl::StrCat("descriptor ", fd, " is not watched"));
  }
  epoll_event event = MakeEvent(events, Pack(fd, found->second->generation));
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot watch descriptor ", fd));
  }
  return absl::OkStatus();
}

void EventLoop::Remove(int fd) {
  if (watches_.erase(fd) > 0) {
    // Fails only where `fd` was closed before, and then nothing is left to do.
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

void EventLoop::RunOnce(const Clock& clock, std::optional<Instant> deadline) {
  std::array<epoll_event, kEventsPerTurn> events;
  const int ready = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn,
                               PollTimeout(clock, deadline));
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const std::uint64_t data = event.data.u64;
    const int fd = static_cast<int>(data & 0xffffffffU);
    if (fd == waker_.fd()) {
      waker_.Clear();
      continue;
    }
    const auto found = watches_.find(fd);
    if (found == watches_.end() ||
        Pack(fd, found->second->generation) != data) {
      continue;
    }
    // Held here, so that a callback may remove its own descriptor.
    const std::shared_ptr<Watch> watch = found->second;
    watch->callback(event.events);
  }
}

void EventLoop::Wake() { waker_.Wake(); }

}  // namespace paceline
