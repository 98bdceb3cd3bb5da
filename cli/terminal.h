// Standard output and error, as a terminal or something else.

#ifndef PACELINE_CLI_TERMINAL_H_
#define PACELINE_CLI_TERMINAL_H_

#include <termios.h>

#include <optional>

#include "absl/strings/string_view.h"

namespace paceline {

// All of `text`, waiting where the other end is slow; what cannot be written
// is dropped.
void WriteAll(int fd, absl::string_view text);

bool IsTerminal(int fd);

struct TerminalShape {
  int columns = 80;
  int rows = 24;
};
// The defaults where that cannot be known.
TerminalShape TerminalSize(int fd);

// Leaves the terminal at standard input as it was, whatever a program that
// reads keys from it has made of it.
class TerminalModes {
 public:
  TerminalModes();
  ~TerminalModes() { Restore(); }
  TerminalModes(const TerminalModes&) = delete;
  TerminalModes& operator=(const TerminalModes&) = delete;

  void Restore() const;

 private:
  std::optional<termios> modes_;
};

// "paceline: …" on standard error.
void WriteSentence(absl::string_view sentence);

}  // namespace paceline

#endif  // PACELINE_CLI_TERMINAL_H_
