// Texts that are to be put into a file at its end, in front of what is there.
//
// They wait in a nameless file of their own: a run of a million tests may have
// gigabytes of them, and only where each goes is kept in memory.

#ifndef PACELINE_CLI_LATE_TEXTS_H_
#define PACELINE_CLI_LATE_TEXTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"

namespace paceline {

class LateTexts {
 public:
  bool empty() const { return texts_.empty(); }

  // `text` goes before the byte `at` of the file; of texts for one place, the
  // first comes first.
  void Add(std::uint64_t at, absl::string_view text);

  // Calls `visit` with each, from the file's start to its end.
  //
  // Returns the first error of keeping or reading them, in a sentence.
  absl::Status ForEach(
      absl::FunctionRef<absl::Status(std::uint64_t at, absl::string_view text)>
          visit);

 private:
  struct Text {
    std::uint64_t at = 0;
    std::uint64_t kept_at = 0;
    std::uint32_t size = 0;
  };

  absl::Status Keep(absl::string_view text);

  std::vector<Text> texts_;
  Fd file_;
  std::uint64_t kept_ = 0;
  absl::Status status_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_LATE_TEXTS_H_
