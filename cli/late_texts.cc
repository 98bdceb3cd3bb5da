#include "cli/late_texts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace paceline {
namespace {

absl::Status FileError(int error) {
  return absl::ErrnoToStatus(
      error, absl::StrCat("what tests recorded cannot be kept for the report: ",
                          std::strerror(error),
                          "; is there room in the folder for temporary files "
                          "(TMPDIR)?"));
}

// A file that has a name nowhere.
Fd NamelessFile() {
  const char* folder = std::getenv("TMPDIR");
  std::string path =
      absl::StrCat(folder == nullptr || *folder == '\0' ? "/tmp" : folder,
                   "/paceline-late-XXXXXX");
  Fd file(mkostemp(path.data(), O_CLOEXEC));
  if (file.valid()) {
    unlink(path.c_str());
  }
  return file;
}

}  // namespace

void LateTexts::Add(std::uint64_t at, absl::string_view text) {
  if (status_.ok()) {
    status_ = Keep(text);
  }
  texts_.push_back({at, kept_, static_cast<std::uint32_t>(text.size())});
  kept_ += text.size();
}

absl::Status LateTexts::Keep(absl::string_view text) {
  if (!file_.valid()) {
    file_ = NamelessFile();
    if (!file_.valid()) {
      return FileError(errno);
    }
  }
  std::uint64_t at = kept_;
  while (!text.empty()) {
    const ssize_t written =
        pwrite(file_.get(), text.data(), text.size(), static_cast<off_t>(at));
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      at += static_cast<std::uint64_t>(written);
    } else if (errno != EINTR) {
      return FileError(errno);
    }
  }
  return absl::OkStatus();
}

absl::Status LateTexts::ForEach(
    absl::FunctionRef<absl::Status(std::uint64_t at, absl::string_view text)>
        visit) {
  PACELINE_RETURN_IF_ERROR(status_);
  std::stable_sort(texts_.begin(), texts_.end(),
                   [](const Text& a, const Text& b) { return a.at < b.at; });
  std::string text;
  for (const Text& one : texts_) {
    text.resize(one.size);
    std::size_t have = 0;
    while (have < text.size()) {
      const ssize_t size =
          pread(file_.get(), text.data() + have, text.size() - have,
                static_cast<off_t>(one.kept_at + have));
      if (size < 0 && errno == EINTR) {
        continue;
      }
      if (size <= 0) {
        return FileError(size == 0 ? EIO : errno);
      }
      have += static_cast<std::size_t>(size);
    }
    PACELINE_RETURN_IF_ERROR(visit(one.at, text));
  }
  return absl::OkStatus();
}

}  // namespace paceline
