#include "common/os/remove_tree.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

namespace paceline {

void RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) {
    return;
  }
  // A test may have taken its own right to write away; give it back and try
  // once more. What stands there may be something else by now, and a link is
  // not followed.
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return;
  }
  chmod(path.c_str(), 0700);
  std::error_code ignored;
  for (std::filesystem::recursive_directory_iterator it(path, ignored), end;
       it != end; it.increment(ignored)) {
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
      chmod(it->path().c_str(), 0700);
    }
  }
  std::filesystem::remove_all(path, ignored);
}

}  // namespace paceline
