#include "agent/unit_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

void RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) {
    return;
  }
  // A test may have taken its own right to write away; give it back and try
  // once more.
  std::error_code ignored;
  for (std::filesystem::recursive_directory_iterator it(path, ignored), end;
       it != end; it.increment(ignored)) {
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
      chmod(it->path().c_str(), 0700);
    }
  }
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

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
  RemoveAll(top_);
}

absl::StatusOr<std::string> UnitDirectories::Make() {
  std::string path = absl::StrCat(top_, "/", ++made_);
  if (mkdir(path.c_str(), 0700) != 0) {
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
    RemoveAll(path);
    lock.lock();
  }
}

}  // namespace paceline
