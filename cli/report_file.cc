#include "cli/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

absl::Status WriteError(const std::string& path, int error) {
  return absl::Status(
      absl::ErrnoToStatus(error, "").code(),
      absl::StrCat(
          "the report ", path, " cannot be written: ", std::strerror(error),
          error == ENOSPC ? ". Make room, or write it elsewhere." : "."));
}

}  // namespace

ReportFile::ReportFile(Fd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)) {
  struct stat info {};
  seekable_ = fstat(fd_.get(), &info) == 0 &&
              (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode));
}

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Create(
    const std::string& path) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.valid()) {
    return WriteError(path, errno);
  }
  return std::unique_ptr<ReportFile>(new ReportFile(std::move(fd), path));
}

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Share(
    int fd, std::string name) {
  Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) {
    return WriteError(name, errno);
  }
  return std::unique_ptr<ReportFile>(
      new ReportFile(std::move(copy), std::move(name)));
}

void ReportFile::Append(absl::string_view bytes) {
  while (status_.ok() && !bytes.empty()) {
    const ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      status_ = WriteError(path_, errno);
    }
  }
}

void ReportFile::CutOff(std::uint64_t offset, absl::string_view bytes) {
  // The room for it is there: it was the file's before.
  if (pwrite(fd_.get(), bytes.data(), bytes.size(),
             static_cast<off_t>(offset)) ==
      static_cast<ssize_t>(bytes.size())) {
    const int cut =
        ftruncate(fd_.get(), static_cast<off_t>(offset + bytes.size()));
    static_cast<void>(cut);
  }
}

void ReportFile::WriteAt(std::uint64_t offset, absl::string_view bytes) {
  while (status_.ok() && !bytes.empty()) {
    const ssize_t written = pwrite(fd_.get(), bytes.data(), bytes.size(),
                                   static_cast<off_t>(offset));
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    } else if (errno != EINTR) {
      status_ = WriteError(path_, errno);
    }
  }
}

}  // namespace paceline
