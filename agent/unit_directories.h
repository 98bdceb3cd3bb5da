// The units' temporary directories, below one of the agent's own.
//
// Made and removed on the pool thread when that costs a system call or two;
// what a test left in its directory is removed on a thread of its own, so that
// a large tree holds nobody up. So is what earlier agents left.

#ifndef PACELINE_AGENT_UNIT_DIRECTORIES_H_
#define PACELINE_AGENT_UNIT_DIRECTORIES_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/os/temp_directory.h"

namespace paceline {

class UnitDirectories {
 public:
  // In a fresh directory below `root`, or below $TMPDIR (/tmp) where that is
  // empty. What agents and clients that were killed left there is removed.
  // Returns kUnavailable in a sentence that names the directory.
  static absl::StatusOr<std::unique_ptr<UnitDirectories>> Create(
      const std::string& root);
  // Removes all that is left.
  ~UnitDirectories();

  // A fresh, empty directory that only this user may enter.
  absl::StatusOr<std::string> Make();
  // The agent's own directory, which holds all of them.
  const TempDirectory& directory() const { return directory_; }
  // Removes `path` and all below it, following no link.
  void Remove(const std::string& path);

 private:
  explicit UnitDirectories(TempDirectory directory)
      : directory_(std::move(directory)) {}
  void Clean(const std::string& base);

  TempDirectory directory_;
  std::uint64_t made_ = 0;
  std::thread cleaner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> doomed_;
  std::atomic<bool> ending_{false};
};

}  // namespace paceline

#endif  // PACELINE_AGENT_UNIT_DIRECTORIES_H_
