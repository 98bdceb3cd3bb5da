#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "cli/text.h"

namespace paceline {

void WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Whoever started us may have made it non-blocking.
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

bool IsTerminal(int fd) {
  const char* kind = std::getenv("TERM");
  return isatty(fd) == 1 && kind != nullptr &&
         absl::string_view(kind) != "dumb";
}

TerminalShape TerminalSize(int fd) {
  TerminalShape shape;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
    shape.columns = size.ws_col > 0 ? size.ws_col : shape.columns;
    shape.rows = size.ws_row > 0 ? size.ws_row : shape.rows;
  }
  return shape;
}

TerminalModes::TerminalModes() {
  termios modes{};
  if (tcgetattr(STDIN_FILENO, &modes) == 0) {
    modes_ = modes;
  }
}

void TerminalModes::Restore() const {
  // In the background it would stop us.
  if (modes_.has_value() && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
    tcsetattr(STDIN_FILENO, TCSADRAIN, &*modes_);
  }
}

void WriteSentence(absl::string_view sentence) {
  WriteAll(STDERR_FILENO,
           absl::StrCat("paceline: ", Printable(sentence, false), "\n"));
}

}  // namespace paceline
