#include "agent/unit_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/remove_tree.h"

namespace paceline {
absl::StatusOr<std::unique_ptr<UnitDirectories>> UnitDirectories::Create(
    const std::string& root) {
  std::string base = root;
  if (base.empty()) {
    const char* const temp = std::getenv("TMPDIR");
    base = temp != nullptr && *temp != '\0' ? temp : "/tmp";
  }
  std::string top = absl::StrCat(base, "/paceline-XXXXXX");
  if (mkdtemp(top.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "cannot make a directory for temporary files below ", base, ": ",
        std::strerror(errno), "; set TMPDIR to one that can be written"));
  }
  return std::unique_ptr<UnitDirectories>(new UnitDirectories(std::move(top)));
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
  RemoveTree(top_);
}

absl::StatusOr<std::string> UnitDirectories::Make() {
  std::string path = absl::StrCat(top_, "/", ++made_);
  int made = mkdir(path.c_str(), 0700);
  if (made != 0 && errno == ENOENT && mkdir(top_.c_str(), 0700) == 0) {
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
  if (!cleaner_.joinable()) {
    cleaner_ = std::thread([this] { Clean(); });
  }
  changed_.notify_all();
}

void UnitDirectories::Clean() {
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
