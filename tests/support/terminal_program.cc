#include "tests/support/terminal_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "common/os/process_tree.h"
#include "common/os/subprocess.h"

namespace paceline {

TerminalProgram::TerminalProgram(const std::vector<std::string>& argv,
                                 const ProgramOptions& options)
    : deadline_(SystemClock().Now() + options.limit) {
  std::vector<std::string> env = CurrentEnvironment();
  ApplyEdits(options.env, env);
  ApplyEdits({{"TERM", "xterm"}, {"NO_COLOR", "1"}}, env);
  const auto pointers = [](const std::vector<std::string>& strings) {
    std::vector<char*> all;
    for (const std::string& text : strings) {
      all.push_back(const_cast<char*>(text.c_str()));
    }
    all.push_back(nullptr);
    return all;
  };
  const std::vector<char*> arguments = pointers(argv);
  const std::vector<char*> variables = pointers(env);
  int terminal = -1;
  pid_ = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid_ == 0) {
    if (options.working_directory.empty() ||
        chdir(options.working_directory.c_str()) == 0) {
      execve(arguments[0], arguments.data(), variables.data());
    }
    _exit(127);
  }
  EXPECT_GT(pid_, 0) << "no terminal can be had";
  terminal_.Reset(terminal);
  if (terminal >= 0) {
    fcntl(terminal, F_SETFD, FD_CLOEXEC);
  }
}

TerminalProgram::~TerminalProgram() {
  if (pid_ > 0) {
    SignalTree(pid_, SIGKILL, /*including_root=*/true);
    waitpid(pid_, nullptr, 0);
  }
}

bool TerminalProgram::Read() {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline_ - SystemClock().Now());
  pollfd readable{terminal_.get(), POLLIN, 0};
  if (left.count() <= 0 ||
      poll(&readable, 1, static_cast<int>(left.count())) != 1) {
    ADD_FAILURE() << "its limit has passed; on the screen:\n" << screen_;
    return false;
  }
  char buffer[4096];
  // EIO when nobody has the terminal any more.
  const ssize_t n = read(terminal_.get(), buffer, sizeof buffer);
  screen_.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return n > 0;
}

bool TerminalProgram::WaitFor(absl::string_view text) {
  std::size_t at = 0;
  while ((at = screen_.find(text.data(), seen_, text.size())) ==
         std::string::npos) {
    if (!Read()) {
      return false;
    }
  }
  seen_ = at + text.size();
  return true;
}

void TerminalProgram::Type(absl::string_view keys) const {
  EXPECT_EQ(write(terminal_.get(), keys.data(), keys.size()),
            static_cast<ssize_t>(keys.size()));
}

bool TerminalProgram::TypeUntil(absl::string_view keys,
                                absl::string_view text) {
  constexpr int kPatienceMs = 5'000;
  Type(keys);
  while (screen_.find(text.data(), seen_, text.size()) == std::string::npos) {
    pollfd readable{terminal_.get(), POLLIN, 0};
    if (poll(&readable, 1, kPatienceMs) == 0 &&
        SystemClock().Now() < deadline_) {
      Type(keys);
    } else if (!Read()) {
      return false;
    }
  }
  return WaitFor(text);
}

int TerminalProgram::WaitForExit() {
  while (Read()) {
  }
  if (testing::Test::HasFailure()) {
    return -1;  // it is killed with this
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace paceline
