// A program that has a terminal, as people's programs have: what is typed at
// it, Ctrl-C included, goes through the kernel's.
//
// Everything is bounded: a program that outlives its limit is killed with its
// process tree.

#ifndef PACELINE_TESTS_SUPPORT_TERMINAL_PROGRAM_H_
#define PACELINE_TESTS_SUPPORT_TERMINAL_PROGRAM_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "tests/support/program.h"

namespace paceline {

inline constexpr char kCtrlC[] = "\x03";

class TerminalProgram {
 public:
  // Fails the test when there is no terminal.
  explicit TerminalProgram(const std::vector<std::string>& argv,
                           const ProgramOptions& options = {});
  // Kills what still runs, with all below it.
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  // Reads until `text` has come, after what an earlier call has found. False
  // when the program ended or its limit passed without it.
  bool WaitFor(absl::string_view text);
  void Type(absl::string_view keys) const;
  // Types `keys`, and again after each five seconds without `text`. For Ctrl-C
  // at a prompt: Python does not see a signal that comes between its writing of
  // the prompt and its reading before it has read a line.
  bool TypeUntil(absl::string_view keys, absl::string_view text);
  // Reads to the end and returns the exit code, 128 + signal where a signal
  // ended it, or -1 when the limit passed.
  int WaitForExit();

  // All that was on the screen, keys that were echoed among them.
  const std::string& screen() const { return screen_; }

 private:
  // False at the end, or when the limit has passed.
  bool Read();

  Fd terminal_;
  pid_t pid_ = -1;
  Instant deadline_;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_TERMINAL_PROGRAM_H_
