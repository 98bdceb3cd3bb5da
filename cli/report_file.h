// A report being written: the first error is kept, and what comes after it is
// thrown away.

#ifndef PACELINE_CLI_REPORT_FILE_H_
#define PACELINE_CLI_REPORT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/late_texts.h"
#include "common/base/fd.h"

namespace paceline {

class ReportFile {
 public:
  // Creates or empties the file at `path`. Errors are whole sentences that
  // name it.
  static absl::StatusOr<std::unique_ptr<ReportFile>> Create(
      const std::string& path);
  // Writes to a copy of the descriptor `fd`; `name` is for sentences.
  static absl::StatusOr<std::unique_ptr<ReportFile>> Share(int fd,
                                                           std::string name);

  // Whether WriteAt works: not for pipes and terminals.
  bool seekable() const { return seekable_; }
  void Append(absl::string_view bytes);
  void WriteAt(std::uint64_t offset, absl::string_view bytes);
  // After an error: cuts the file off at `offset` and puts `bytes` there, which
  // is to have been its end before. The error stays.
  void CutOff(std::uint64_t offset, absl::string_view bytes);

  // Makes the file anew, with `first` before the byte `at` and each of `late`
  // before its own: in one step, so that it is whole at every moment, unless
  // the file cannot be replaced where it is.
  void PutIn(std::uint64_t at, absl::string_view first, LateTexts& late);

  // Keeps an error of what was to be written.
  void Keep(absl::Status status) { status_.Update(std::move(status)); }
  const absl::Status& status() const { return status_; }

 private:
  ReportFile(Fd fd, std::string path);

  // The same file, with more in it, as `copy`.
  absl::Status Merge(std::uint64_t at, absl::string_view first, LateTexts& late,
                     ReportFile& copy) const;
  // All of `copy` over this file, where it cannot take its place.
  void CopyBack(const ReportFile& copy);

  Fd fd_;
  std::string path_;
  bool seekable_ = false;
  absl::Status status_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_REPORT_FILE_H_
