// A directory of our own for the time of one call.

#ifndef PACELINE_WORKER_DISCOVERY_TEMP_DIRECTORY_H_
#define PACELINE_WORKER_DISCOVERY_TEMP_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

// Removed with all that is in it when it goes out of scope. Move-only.
class TempDirectory {
 public:
  // Below TMPDIR, or /tmp. Returns what mkdtemp says, with the path.
  static absl::StatusOr<TempDirectory> Create();

  TempDirectory(TempDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})) {}
  TempDirectory& operator=(TempDirectory&&) = delete;
  ~TempDirectory();

  const std::string& path() const { return path_; }

 private:
  explicit TempDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_DISCOVERY_TEMP_DIRECTORY_H_
