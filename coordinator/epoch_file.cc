#include "coordinator/epoch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"

namespace paceline {
namespace {

// Far from the end of the type, whatever somebody writes into the file.
constexpr std::uint32_t kHighest = 0xfffe0000U;

absl::Status Failed(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat("the epoch cannot be kept in ",
                                             path, ": ", std::strerror(error)));
}

// Calls `call` again while a signal interrupts it.
template <typename Call>
auto Uninterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

absl::StatusOr<std::uint32_t> RaiseEpoch(const std::string& path,
                                         std::uint32_t at_least) {
  std::error_code ignored;  // opening it says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      ignored);
  const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  // Two that start at once take one after the other.
  if (!file.valid() ||
      Uninterrupted([&file] { return flock(file.get(), LOCK_EX); }) != 0) {
    return Failed(path, errno);
  }
  char text[32];
  const ssize_t size = Uninterrupted(
      [&file, &text] { return pread(file.get(), text, sizeof text, 0); });
  if (size < 0) {
    return Failed(path, errno);
  }
  std::uint32_t last = 0;
  // What is no number was never written by this function.
  static_cast<void>(
      absl::SimpleAtoi(absl::StripAsciiWhitespace(absl::string_view(
                           text, static_cast<std::size_t>(size))),
                       &last));
  const std::uint32_t epoch =
      last >= kHighest ? at_least : std::max(at_least, last + 1);
  // Ten digits each time: a shorter number leaves nothing of a longer one, and
  // they are written at once.
  std::string line = absl::StrCat(absl::Dec(epoch, absl::kZeroPad10), "\n");
  const ssize_t written = Uninterrupted([&file, &line] {
    return pwrite(file.get(), line.data(), line.size(), 0);
  });
  if (written != static_cast<ssize_t>(line.size())) {
    return Failed(path, written < 0 ? errno : ENOSPC);
  }
  // A file that was just made is there once its directory is on the disk too.
  const std::string parent = std::filesystem::path(path).parent_path();
  const Fd directory(open(parent.empty() ? "." : parent.c_str(),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fsync(file.get()) != 0 || !directory.valid() ||
      fsync(directory.get()) != 0) {
    return Failed(path, errno);
  }
  return epoch;
}

}  // namespace paceline
