#include "common/os/proc_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/base/fd.h"

namespace paceline {

std::optional<std::string> ReadProcFile(const std::string& path,
                                        std::size_t max_bytes) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return std::nullopt;
  }
  std::string text;
  char buffer[4096];
  while (text.size() < max_bytes) {
    const std::size_t want =
        std::min<std::size_t>(sizeof buffer, max_bytes - text.size());
    const ssize_t got = read(fd.get(), buffer, want);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      break;
    }
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::vector<pid_t>> NumericEntries(const std::string& path) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) {
    return std::nullopt;
  }
  std::vector<pid_t> numbers;
  while (const dirent* entry = readdir(directory)) {
    pid_t number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number)) {
      numbers.push_back(number);
    }
  }
  closedir(directory);
  return numbers;
}

}  // namespace paceline
