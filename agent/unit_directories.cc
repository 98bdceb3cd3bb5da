#include "agent/unit_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/os/remove_tree.h"
#include "common/os/start_thread.h"

namespace paceline {

absl::StatusOr<std::unique_ptr<UnitDirectories>> UnitDirectories::Create(
    const std::string& root) {
  const std::string base = root.empty() ? TempDirectory::Base() : root;
  PACELINE_ASSIGN_OR_RETURN(TempDirectory directory,
                            TempDirectory::Create(base));
  std::unique_ptr<UnitDirectories> made(
      new UnitDirectories(std::move(directory)));
  UnitDirectories* const owner = made.get();
  PACELINE_ASSIGN_OR_RETURN(made->cleaner_,
                            StartThread("removing directories",
                                        [owner, base] { owner->Clean(base); }));
  return made;
}

UnitDirectories::~UnitDirectories() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (cleaner_.joinable()) {
    cleaner_.join();
  }
}

absl::StatusOr<std::string> UnitDirectories::Make() {
  std::string path = absl::StrCat(directory_.path(), "/", ++made_);
  int made = mkdir(path.c_str(), 0700);
  if (made != 0 && errno == ENOENT && directory_.MakeAgain()) {
    // A test removed what is above its own directory.
    made = mkdir(path.c_str(), 0700);
  }
  if (made != 0) {
    return absl::UnavailableError(
        absl::StrCat(path, ": ", std::strerror(errno)));
  }
  return path;
}

void UnitDirectories::Remove(const std::string& path) {
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) {
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    doomed_.push_back(path);
  }
  changed_.notify_all();
}

void UnitDirectories::Clean(const std::string& base) {
  TempDirectory::RemoveStale(base, std::chrono::system_clock::now(),
                             [this] { return ending_.load(); });
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !doomed_.empty(); });
    if (doomed_.empty()) {
      return;
    }
    const std::string path = std::move(doomed_.front());
    doomed_.pop_front();
    lock.unlock();
    RemoveTree(path);
    lock.lock();
  }
}

}  // namespace paceline
