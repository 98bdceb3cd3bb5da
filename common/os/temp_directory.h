// A directory of our own for temporary files, below TMPDIR or another.
//
// Whoever makes one holds a lock on it, and removes it at its end. Where it was
// killed before that the lock is free: the next agent on the host that makes
// its own in the same place removes what is left (RemoveStale).

#ifndef PACELINE_COMMON_OS_TEMP_DIRECTORY_H_
#define PACELINE_COMMON_OS_TEMP_DIRECTORY_H_

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/fd.h"

namespace paceline {

// Removed with all that is in it when it goes out of scope. Move-only.
class TempDirectory {
 public:
  // Where temporary files go when nobody says otherwise: TMPDIR, or /tmp.
  static std::string Base();

  // A fresh one that only this user may enter. Returns kUnavailable in a
  // sentence that names `base`.
  static absl::StatusOr<TempDirectory> Create(const std::string& base = Base());

  TempDirectory(TempDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  TempDirectory& operator=(TempDirectory&&) = delete;
  ~TempDirectory();

  const std::string& path() const { return path_; }
  // The lock is held until every process that has this descriptor is gone.
  const Fd& lock() const { return lock_; }

  // Makes it anew, locked by this process alone, where somebody removed it.
  // False when it is there or cannot be made.
  bool MakeAgain();

  // Removes directories of this user in `base` whose makers were gone a minute
  // before `now`. Stops between two of them when `stop` says so.
  static void RemoveStale(const std::string& base,
                          std::chrono::system_clock::time_point now,
                          const std::function<bool()>& stop);

 private:
  explicit TempDirectory(std::string path) : path_(std::move(path)) {}
  void Lock();

  std::string path_;
  Fd lock_;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_TEMP_DIRECTORY_H_
