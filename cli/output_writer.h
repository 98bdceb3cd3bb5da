// Standard output on a thread of its own.
//
// Who reads it may stop reading: a pager that waits for a key, a terminal that
// is held with Ctrl-S. The run goes on meanwhile, beats to its coordinator are
// sent and Ctrl-C is heard, because only this thread waits.

#ifndef PACELINE_CLI_OUTPUT_WRITER_H_
#define PACELINE_CLI_OUTPUT_WRITER_H_

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "cli/terminal_lock.h"
#include "common/base/clock.h"

namespace paceline {

// Thread-safe.
class OutputWriter {
 public:
  // Past this much unread, what comes is counted and left out.
  static constexpr std::size_t kMaxWaiting = std::size_t{64} << 20;

  // `fd` and `terminal` outlive it. Where there is a `terminal`, it is written
  // to while no worker uses it.
  explicit OutputWriter(int fd, const TerminalLock* terminal = nullptr);
  // Drains.
  ~OutputWriter();
  OutputWriter(const OutputWriter&) = delete;
  OutputWriter& operator=(const OutputWriter&) = delete;

  // Never waits. What cannot be written at all (the reader is gone) is dropped.
  void Write(absl::string_view text);
  // Waits until all of it is written.
  void Drain();
  // The same, but no longer than `most`.
  void DrainFor(Duration most);

 private:
  void Loop();

  const int fd_;
  const TerminalLock* const terminal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  std::size_t left_out_ = 0;
  bool writing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_OUTPUT_WRITER_H_
