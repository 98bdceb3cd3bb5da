#include "agent/tree_describer.h"

#include "common/base/status_macros.h"
#include "common/os/describe_tree.h"
#include "common/os/start_thread.h"

namespace paceline {

absl::StatusOr<std::unique_ptr<TreeDescriber>> TreeDescriber::Start(
    std::function<void()> notify) {
  std::unique_ptr<TreeDescriber> made(new TreeDescriber(std::move(notify)));
  PACELINE_ASSIGN_OR_RETURN(
      made->thread_,
      StartThread("stacks", [owner = made.get()] { owner->Run(); }));
  return made;
}

TreeDescriber::~TreeDescriber() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.clear();
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void TreeDescriber::Begin(WorkerId worker, pid_t pid) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.emplace_back(worker, pid);
  }
  changed_.notify_all();
}

std::vector<TreeDescriber::Description> TreeDescriber::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(done_, {});
}

void TreeDescriber::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      return;
    }
    const auto [worker, pid] = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    std::string text = pid > 0 ? DescribeTree(pid) : "";
    lock.lock();
    done_.emplace_back(worker, std::move(text));
    notify_();
  }
}

}  // namespace paceline
