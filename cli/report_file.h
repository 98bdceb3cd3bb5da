// A report being written: the first error is kept, and what comes after it is
// thrown away.

#ifndef PACELINE_CLI_REPORT_FILE_H_
#define PACELINE_CLI_REPORT_FILE_H_

#include <cstddef>
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
  // Writes to a copy of the descriptor `fd`, behind what is there and without
  // ever going back: others may write to it. `name` is for sentences.
  static absl::StatusOr<std::unique_ptr<ReportFile>> Share(int fd,
                                                           std::string name);

  // Creates the file at `path`, or shares standard output for "-".
  static absl::StatusOr<std::unique_ptr<ReportFile>> Open(
      const std::string& path);

  // Whether WriteAt works: not for pipes and terminals, nor for what is shared.
  bool seekable() const { return seekable_; }
  // Returns how many of the last bytes were not written.
  std::size_t Append(absl::string_view bytes);
  // For files of lines, which are whole lines even after an error.
  void AppendLines(absl::string_view lines);
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
  // Whether the error is that nobody reads it any more.
  bool reader_gone() const { return reader_gone_; }

  // Whether both are one file, whatever names it was opened by.
  bool SameAs(const ReportFile& other) const;

 private:
  // Of its `own` file it knows every byte.
  ReportFile(Fd fd, std::string path, bool own);

  // The same file, with more in it, as `copy`.
  absl::Status Merge(std::uint64_t at, absl::string_view first, LateTexts& late,
                     ReportFile& copy) const;
  // All of `copy` over this file, where it cannot take its place.
  void CopyBack(const ReportFile& copy);

  Fd fd_;
  std::string path_;
  bool seekable_ = false;
  bool reader_gone_ = false;
  absl::Status status_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_REPORT_FILE_H_
