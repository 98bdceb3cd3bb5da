#include "cli/output_writer.h"

#include "absl/strings/str_cat.h"
#include "cli/terminal.h"

namespace paceline {

OutputWriter::OutputWriter(int fd, const TerminalLock* terminal)
    : fd_(fd), terminal_(terminal), thread_([this] { Loop(); }) {}

OutputWriter::~OutputWriter() {
  Drain();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void OutputWriter::Write(absl::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + text.size() > kMaxWaiting) {
      left_out_ += text.size();
      return;
    }
    if (left_out_ > 0) {
      absl::StrAppend(&waiting_, "\n[", left_out_,
                      " bytes are missing here: nobody read them in time]\n");
      left_out_ = 0;
    }
    absl::StrAppend(&waiting_, text);
  }
  changed_.notify_all();
}

void OutputWriter::Drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

void OutputWriter::DrainFor(Duration most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most,
                    [this] { return waiting_.empty() && !writing_; });
}

void OutputWriter::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      return;
    }
    std::string text;
    text.swap(waiting_);
    writing_ = true;
    lock.unlock();
    if (terminal_ != nullptr) {
      terminal_->Acquire();
    }
    WriteAll(fd_, text);
    if (terminal_ != nullptr) {
      terminal_->Release();
    }
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
}

}  // namespace paceline
