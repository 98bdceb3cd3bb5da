#include "common/os/temp_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/os/remove_tree.h"

namespace paceline {
namespace {

constexpr absl::string_view kPrefix = "paceline-tmp-";
// A younger one may be about to be locked.
constexpr auto kStale = std::chrono::minutes(1);

std::vector<std::string> NamesIn(const std::string& base) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(base.c_str()),
                                                    &closedir);
  if (listing == nullptr) {
    return names;
  }
  while (const dirent* const entry = readdir(listing.get())) {
    if (absl::StartsWith(entry->d_name, kPrefix)) {
      names.emplace_back(entry->d_name);
    }
  }
  return names;
}

Fd OpenDirectory(const std::string& path) {
  return Fd(
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool IsOurOldOne(const Fd& directory,
                 std::chrono::system_clock::time_point now) {
  struct stat status {};
  return fstat(directory.get(), &status) == 0 && status.st_uid == geteuid() &&
         std::chrono::system_clock::from_time_t(status.st_ctime) + kStale < now;
}

}  // namespace

std::string TempDirectory::Base() {
  const char* const base = std::getenv("TMPDIR");
  return base != nullptr && *base != '\0' ? base : "/tmp";
}

absl::StatusOr<TempDirectory> TempDirectory::Create(const std::string& base) {
  std::string path = absl::StrCat(base, "/", kPrefix, "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "cannot make a directory for temporary files below ", base, ": ",
        std::strerror(errno), "; set TMPDIR to one that can be written"));
  }
  TempDirectory made(std::move(path));
  made.Lock();
  return made;
}

TempDirectory::~TempDirectory() {
  if (!path_.empty()) {
    RemoveTree(path_);
  }
}

bool TempDirectory::MakeAgain() {
  if (mkdir(path_.c_str(), 0700) != 0) {
    return false;
  }
  Lock();
  return true;
}

// Where it cannot be locked, some file systems have no locks, it cannot be
// taken for stale either.
void TempDirectory::Lock() {
  lock_ = OpenDirectory(path_);
  if (lock_.valid()) {
    flock(lock_.get(), LOCK_EX | LOCK_NB);
  }
}

void TempDirectory::RemoveStale(const std::string& base,
                                std::chrono::system_clock::time_point now,
                                const std::function<bool()>& stop) {
  for (const std::string& name : NamesIn(base)) {
    if (stop()) {
      return;
    }
    const std::string path = absl::StrCat(base, "/", name);
    const Fd directory = OpenDirectory(path);
    if (directory.valid() && IsOurOldOne(directory, now) &&
        flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
      RemoveTree(path);
    }
  }
}

}  // namespace paceline
