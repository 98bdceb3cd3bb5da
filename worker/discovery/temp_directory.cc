#include "worker/discovery/temp_directory.h"

#include <errno.h>
#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace paceline {

absl::StatusOr<TempDirectory> TempDirectory::Create() {
  const char* base = getenv("TMPDIR");
  if (base == nullptr || *base == '\0') {
    base = "/tmp";
  }
  std::string path = absl::StrCat(base, "/paceline-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot make a directory like ", path));
  }
  return TempDirectory(std::move(path));
}

TempDirectory::~TempDirectory() {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
}

}  // namespace paceline
