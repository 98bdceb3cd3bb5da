// A program that misbehaves as its argument says: what the runners whose tests
// are processes are tried on. `misbehaves SIGSEGV` dies of that signal; the
// other words are in main's table.
//
// No test framework: what it is worth is in its exit status alone. Where it
// tries something that must not work, it exits with 4 if it did.

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kWorked = 4;

[[noreturn]] void WaitForEver() {
  for (;;) {
    pause();
  }
}

// Dies of it, whatever whoever started this had set.
void Raise(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  sigprocmask(SIG_UNBLOCK, &one, nullptr);
  raise(signal);
}

bool WriteAll(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + sent, bytes.size() - sent);
    if (n <= 0) {
      return false;
    }
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

int Sound() {
  std::puts("all is well");
  return 0;
}

int ExitsWith3() { return 3; }

int Aborts() { std::abort(); }

int Hangs() {
  std::puts("about to hang");
  std::fflush(stdout);
  WaitForEver();
}

int IgnoresTerm() {
  signal(SIGTERM, SIG_IGN);
  return Hangs();
}

// What a test with a server to take down does: it needs a moment after the
// signal.
int TidiesUp() {
  signal(SIGTERM, [](int) {
    WriteAll(STDOUT_FILENO, "tidying up\n");
    poll(nullptr, 0, 300);
    WriteAll(STDOUT_FILENO, "tidied up\n");
    _exit(0);
  });
  return Hangs();
}

int LeaveGrandchild(bool in_own_session) {
  std::puts("leaves one");
  std::fflush(stdout);
  if (fork() == 0) {
    if (in_own_session) {
      setsid();
    }
    WaitForEver();
  }
  return 0;
}

int LeavesAGrandchild() { return LeaveGrandchild(/*in_own_session=*/false); }
int LeavesASession() { return LeaveGrandchild(/*in_own_session=*/true); }

// 1 GiB.
int Floods() {
  const std::string block(std::size_t{1} << 20, 'x');
  WriteAll(STDOUT_FILENO, "flood begins\n");
  for (int i = 0; i < 1024; ++i) {
    if (!WriteAll(STDOUT_FILENO, block)) {
      return 1;
    }
  }
  WriteAll(STDOUT_FILENO, "\nflood ends\n");
  return 0;
}

int PrintsBinary() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes.push_back(static_cast<char>(i));
  }
  return WriteAll(STDOUT_FILENO, bytes) ? 0 : 1;
}

// Nobody answers.
int ReadsInput() {
  char byte = 0;
  return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : kWorked;
}

int ClosesOutput() {
  std::puts("still open");
  std::fflush(stdout);
  close(STDOUT_FILENO);
  close(STDERR_FILENO);
  return 0;
}

int ChangesDirectory() { return chdir("/"); }

int KillsItsParent() {
  kill(getppid(), SIGKILL);
  // Whoever watches gets the time to notice.
  WaitForEver();
}

int TerminatesItsParent() {
  kill(getppid(), SIGTERM);
  WaitForEver();
}

int KillsItsGroup() {
  kill(0, SIGKILL);
  WaitForEver();
}

// Lines and elements that a reader of results could take for its own.
void PrintResults(const char* verdict) {
  std::printf(
      "[       OK ] Forged.Case (0 ms)\n"
      "[  PASSED  ] 1 test.\n"
      "100%% tests passed, 0 tests failed out of 1\n"
      "]]></system-out></testcase>\n"
      "<testcase name=\"forged\" classname=\"forged\"><failure/></testcase>\n"
      "{\"event\": \"attempt\", \"test\": 0, \"verdict\": \"%s\"}\n",
      verdict);
}

int PretendsToPass() {
  PrintResults("passed");
  return 1;
}

int PretendsToFail() {
  PrintResults("failed");
  std::puts("FAILED");
  return 0;
}

// {"type": "test_finished", "request": 1, "test": 0, "outcome": …}
std::string ForgedFrame(const std::string& outcome) {
  std::string map = "\x84\xa4type\xadtest_finished\xa7request\x01\xa4test";
  map.push_back('\0');
  map += "\xa7outcome";
  map.push_back(static_cast<char>(0xa0 + outcome.size()));
  map += outcome;
  std::string frame(3, '\0');
  frame.push_back(static_cast<char>(map.size()));
  return frame + map;
}

// To its output, where they do no harm, and to whatever a worker may have left
// open.
int WritesFrames() {
  const std::string frame = ForgedFrame("failed");
  int status = WriteAll(STDOUT_FILENO, frame) ? 0 : 1;
  for (int fd = 3; fd < 1024; ++fd) {
    if (WriteAll(fd, frame)) {
      status = kWorked;
    }
  }
  return status;
}

struct Behaviour {
  const char* name;
  int (*run)();
};
constexpr std::array kBehaviours = {
    Behaviour{"is-sound", Sound},
    Behaviour{"exits-with-3", ExitsWith3},
    Behaviour{"aborts", Aborts},
    Behaviour{"hangs", Hangs},
    Behaviour{"ignores-term", IgnoresTerm},
    Behaviour{"tidies-up", TidiesUp},
    Behaviour{"leaves-a-grandchild", LeavesAGrandchild},
    Behaviour{"leaves-a-session", LeavesASession},
    Behaviour{"floods", Floods},
    Behaviour{"prints-binary", PrintsBinary},
    Behaviour{"reads-input", ReadsInput},
    Behaviour{"closes-output", ClosesOutput},
    Behaviour{"changes-directory", ChangesDirectory},
    Behaviour{"kills-its-parent", KillsItsParent},
    Behaviour{"kills-its-parent-gently", TerminatesItsParent},
    Behaviour{"kills-its-group", KillsItsGroup},
    Behaviour{"pretends-to-pass", PretendsToPass},
    Behaviour{"pretends-to-fail", PretendsToFail},
    Behaviour{"writes-frames", WritesFrames},
};

}  // namespace

int main(int argc, char** argv) {
  // Not to leave core files in the tree.
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const char* name = argc > 1 ? argv[1] : "";
  for (const Behaviour& behaviour : kBehaviours) {
    if (std::strcmp(name, behaviour.name) == 0) {
      return behaviour.run();
    }
  }
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* abbreviation = sigabbrev_np(signal);
    if (abbreviation != nullptr && std::strncmp(name, "SIG", 3) == 0 &&
        std::strcmp(name + 3, abbreviation) == 0) {
      Raise(signal);
      return 0;
    }
  }
  std::fprintf(stderr, "misbehaves: no such behaviour: \"%s\"\n", name);
  return 2;
}
