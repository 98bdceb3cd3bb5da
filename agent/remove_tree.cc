#include "agent/remove_tree.h"

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

}  // namespace paceline
