#include "agent/tree_describer.h"

#include "common/os/process_tree.h"

namespace paceline {

TreeDescriber::TreeDescriber(std::function<void()> notify)
    : notify_(std::move(notify)) {}

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
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  }
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
