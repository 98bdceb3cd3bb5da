// The first and the last part of a byte stream, whatever its length.
//
// A test may print a gigabyte. What explains its failure is at the start or at
// the end; the middle goes, and how much of it went is known. Bytes, not text:
// a cut may fall inside a character.

#ifndef PACELINE_WORKER_LIB_OUTPUT_CAPTURE_H_
#define PACELINE_WORKER_LIB_OUTPUT_CAPTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/model/result.h"

namespace paceline {

class OutputCapture {
 public:
  // Keeps `limit` bytes at most: half from the start, half from the end. Takes
  // memory only for what is kept.
  explicit OutputCapture(std::uint64_t limit);

  void Append(absl::string_view bytes);

  // How many bytes were appended since the last Take.
  std::uint64_t total_bytes() const { return total_bytes_; }

  // What was kept; the capture is then empty again, for the next test.
  CapturedOutput Take();

 private:
  void AppendToTail(absl::string_view bytes);

  std::size_t head_limit_;
  std::size_t tail_limit_;
  std::uint64_t total_bytes_ = 0;
  std::string head_;
  // A ring once it is full; `oldest_` is then where its first byte is.
  std::string tail_;
  std::size_t oldest_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_OUTPUT_CAPTURE_H_
