#include "cli/report_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

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

ReportFile::ReportFile(Fd fd, std::string path, bool own)
    : fd_(std::move(fd)), path_(std::move(path)) {
  struct stat info {};
  seekable_ = own && fstat(fd_.get(), &info) == 0 &&
              (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode));
}

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Open(
    const std::string& path) {
  return path == "-" ? Share(STDOUT_FILENO, "standard output") : Create(path);
}

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Create(
    const std::string& path) {
  // Read too: what comes late is put between what is there.
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.valid() && (errno == EACCES || errno == EINVAL || errno == EPERM)) {
    fd = Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  }
  if (!fd.valid()) {
    return WriteError(path, errno);
  }
  return std::unique_ptr<ReportFile>(
      new ReportFile(std::move(fd), path, /*own=*/true));
}

absl::StatusOr<std::unique_ptr<ReportFile>> ReportFile::Share(
    int fd, std::string name) {
  Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) {
    return WriteError(name, errno);
  }
  return std::unique_ptr<ReportFile>(
      new ReportFile(std::move(copy), std::move(name), /*own=*/false));
}

std::size_t ReportFile::Append(absl::string_view bytes) {
  while (status_.ok() && !bytes.empty()) {
    const ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Whoever started us may have made it non-blocking.
      pollfd writable{fd_.get(), POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      reader_gone_ = errno == EPIPE;
      status_ = WriteError(path_, errno);
    }
  }
  return bytes.size();
}

void ReportFile::AppendLines(absl::string_view lines) {
  const bool was_well = status_.ok();
  const std::size_t missing = Append(lines);
  if (was_well && !status_.ok() && seekable_) {
    const absl::string_view there = lines.substr(0, lines.size() - missing);
    const std::size_t whole = there.rfind('\n') == absl::string_view::npos
                                  ? 0
                                  : there.rfind('\n') + 1;
    const off_t end = lseek(fd_.get(), 0, SEEK_CUR);
    if (end >= 0) {
      CutOff(static_cast<std::uint64_t>(end) - (there.size() - whole), "");
    }
  }
}

bool ReportFile::SameAs(const ReportFile& other) const {
  struct stat mine {};
  struct stat theirs {};
  return fstat(fd_.get(), &mine) == 0 && fstat(other.fd_.get(), &theirs) == 0 &&
         S_ISREG(mine.st_mode) && mine.st_dev == theirs.st_dev &&
         mine.st_ino == theirs.st_ino;
}

void ReportFile::PutIn(std::uint64_t at, absl::string_view first,
                       LateTexts& late) {
  if (!status_.ok()) {
    return;
  }
  // Beside the file that it is, whatever the name is a link to.
  std::string target(PATH_MAX, '\0');
  const ssize_t length =
      readlink(absl::StrCat("/proc/self/fd/", fd_.get()).c_str(), target.data(),
               target.size());
  target.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  std::string name = absl::StrCat(target, ".XXXXXX");
  Fd fd(target.empty() ? -1 : mkostemp(name.data(), O_CLOEXEC));
  const bool beside = fd.valid();
  if (!beside) {
    name = "/tmp/paceline-report-XXXXXX";
    fd = Fd(mkostemp(name.data(), O_CLOEXEC));
  }
  if (!fd.valid()) {
    status_ = WriteError(path_, errno);
    return;
  }
  struct stat info {};
  const bool same_mode = fstat(fd_.get(), &info) == 0 &&
                         fchmod(fd.get(), info.st_mode & 07777) == 0;
  ReportFile copy(std::move(fd), path_, /*own=*/true);
  status_ = Merge(at, first, late, copy);
  if (status_.ok() && !(beside && same_mode && info.st_nlink == 1 &&
                        rename(name.c_str(), target.c_str()) == 0)) {
    CopyBack(copy);
    unlink(name.c_str());
  } else if (!status_.ok()) {
    unlink(name.c_str());
  }
}

absl::Status ReportFile::Merge(std::uint64_t at, absl::string_view first,
                               LateTexts& late, ReportFile& copy) const {
  std::uint64_t done = 0;
  const auto copy_to = [&](std::uint64_t end) -> absl::Status {
    std::string buffer(std::size_t{256} * 1024, '\0');
    while (done < end) {
      const ssize_t size =
          pread(fd_.get(), buffer.data(),
                std::min<std::uint64_t>(buffer.size(), end - done),
                static_cast<off_t>(done));
      if (size < 0 && errno == EINTR) {
        continue;
      }
      if (size <= 0) {
        return WriteError(path_, size == 0 ? EIO : errno);
      }
      copy.Append(
          absl::string_view(buffer).substr(0, static_cast<std::size_t>(size)));
      PACELINE_RETURN_IF_ERROR(copy.status());
      done += static_cast<std::uint64_t>(size);
    }
    return absl::OkStatus();
  };
  PACELINE_RETURN_IF_ERROR(copy_to(at));
  copy.Append(first);
  const auto put = [&](std::uint64_t before, absl::string_view text) {
    PACELINE_RETURN_IF_ERROR(copy_to(before));
    copy.Append(text);
    return copy.status();
  };
  PACELINE_RETURN_IF_ERROR(late.ForEach(put));
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) {
    return WriteError(path_, errno);
  }
  PACELINE_RETURN_IF_ERROR(copy_to(static_cast<std::uint64_t>(info.st_size)));
  return copy.status();
}

void ReportFile::CopyBack(const ReportFile& copy) {
  std::string buffer(std::size_t{256} * 1024, '\0');
  std::uint64_t done = 0;
  while (status_.ok()) {
    const ssize_t size = pread(copy.fd_.get(), buffer.data(), buffer.size(),
                               static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      status_ = WriteError(path_, errno);
    }
    if (size <= 0) {
      return;
    }
    WriteAt(done, absl::string_view(buffer).substr(
                      0, static_cast<std::size_t>(size)));
    done += static_cast<std::uint64_t>(size);
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
