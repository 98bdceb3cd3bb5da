// Running programs in tests: to their end, or in the background.
//
// Everything is bounded: a program that outlives its limit is killed with its
// process tree, and the test is told. Each has a TMPDIR of its own.

#ifndef PACELINE_TESTS_SUPPORT_PROGRAM_H_
#define PACELINE_TESTS_SUPPORT_PROGRAM_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/os/subprocess.h"

namespace paceline {

// The program under test: <build>/paceline.
std::string PacelinePath();
// <build>/tests/programs/`name`.
std::string TestProgramPath(absl::string_view name);

// A directory of its own for one test, removed with all in it.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::string& path() const { return path_; }
  // Writes `content` to path()/`name` and returns that path.
  std::string Write(absl::string_view name, absl::string_view content) const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);

struct ProgramOptions {
  std::vector<EnvEdit> env = {};
  std::string working_directory = {};
  Duration limit = std::chrono::seconds(60);
};

// A program that was started. Standard output and error are kept apart.
class Program {
 public:
  // Fails the test, and ends the process, when it cannot be started.
  explicit Program(std::vector<std::string> argv, ProgramOptions options = {});
  // Kills the program if it still runs, and after a time for its own warden to
  // do that, what is left of what it started.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return child_.pid; }
  // Its TMPDIR, unless it was given another.
  const std::string& temp_dir() const { return temp_dir_.path(); }
  void Signal(int signal) const;

  // Reads until `text` has appeared on either stream. False when the program
  // ended or its limit passed without it.
  bool WaitFor(absl::string_view text);
  // The first line that contains `text`, once it is there; else empty.
  std::string WaitForLine(absl::string_view text);
  // Waits for the end. False when the limit passed: the program was killed.
  bool WaitForExit();

  bool ended() const { return ended_; }
  // The exit code; 128 + signal where a signal ended it.
  int exit_code() const;
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  // Takes in output until something new came, the program ended, or the limit
  // passed; false in the last case.
  bool Turn();

  ProgramOptions options_;
  ScratchDir temp_dir_;
  Child child_;
  Fd out_fd_;
  Fd err_fd_;
  std::string out_;
  std::string err_;
  Instant deadline_;
  bool ended_ = false;
  WaitStatus status_;
};

// Runs to the end.
std::unique_ptr<Program> RunProgram(std::vector<std::string> argv,
                                    ProgramOptions options = {});

// What a JUnit file says of each test: "passed", "failure", "error"
// or "skipped", by "classname.name" (both as the file has them).
std::map<std::string, std::string> ReadJunit(const std::string& path);

// One test of a JUnit file.
struct JunitTest {
  // paceline's own word: its property "paceline.verdict". Empty for what is
  // no test, such as a target that could not be looked into.
  std::string verdict;
  // Of its failure, error or skipped element; empty where it has none.
  std::string message;
  std::string details;
  std::string output;
  std::map<std::string, std::string> properties;
};

// All tests of a JUnit file by "classname.name". Failures that belong to no
// test, such as that of an environment's set-up, may come once for each unit
// and then share a name.
std::multimap<std::string, JunitTest> ReadJunitTests(const std::string& path);

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_PROGRAM_H_
