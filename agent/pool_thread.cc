#include "agent/pool_thread.h"

#include <thread>
#include <utility>

#include "agent/pool_mailbox.h"
#include "agent/pool_shell.h"
#include "common/base/status_macros.h"
#include "common/os/start_thread.h"

namespace paceline {

struct PoolThread::Impl {
  Impl(const AgentOptions& options, std::function<void()> notify)
      : shell(options, mailbox, std::move(notify)) {}

  PoolMailbox mailbox;
  PoolShell shell;
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<PoolThread>> PoolThread::Start(
    const AgentOptions& options, std::function<void()> notify_session) {
  auto impl = std::make_unique<Impl>(options, std::move(notify_session));
  PACELINE_RETURN_IF_ERROR(impl->shell.Begin());
  PACELINE_ASSIGN_OR_RETURN(
      impl->thread,
      StartThread("the worker pool", [shell = &impl->shell] { shell->Run(); }));
  return std::unique_ptr<PoolThread>(new PoolThread(std::move(impl)));
}

PoolThread::PoolThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PoolThread::~PoolThread() {
  impl_->shell.Stop();
  impl_->thread.join();
}

void PoolThread::Push(PoolCommand command) {
  impl_->mailbox.PushCommand(std::move(command));
  impl_->shell.Wake();
}

std::optional<PoolEvent> PoolThread::Pop() {
  bool has_room = false;
  std::optional<PoolEvent> event = impl_->mailbox.PopEvent(has_room);
  if (has_room) {
    impl_->shell.Wake();
  }
  return event;
}

Instant PoolThread::last_turn() const { return impl_->shell.last_turn(); }

}  // namespace paceline
