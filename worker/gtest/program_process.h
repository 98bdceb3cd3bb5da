// A process of a test program, from its start to its end.
//
// The shell around ProgramRun: one pipe for standard output and error, the
// stream's port, the process and all that it leaves behind.

#ifndef PACELINE_WORKER_GTEST_PROGRAM_PROCESS_H_
#define PACELINE_WORKER_GTEST_PROGRAM_PROCESS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "worker/gtest/program_run.h"
#include "worker/gtest/stream_server.h"
#include "worker/lib/worker.h"

namespace paceline {

struct ProgramCommand {
  std::string program;
  // All but the stream's, argv[0] included.
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string working_directory;
  // Whether to add the stream's flag.
  bool streams = true;
  // Where the program is told to write its report.
  std::string report;
};

class ProgramProcess {
 public:
  // Returns what Spawn says, or why there is no pipe or port.
  static absl::StatusOr<std::unique_ptr<ProgramProcess>> Start(
      const ProgramCommand& command);
  // Kills what is left.
  ~ProgramProcess();

  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  // Feeds `run` until the process has ended, by itself or because the reporter
  // says so; nothing of it runs any more then.
  ProgramEnd Serve(ProgramRun& run, UnitReporter& reporter);

 private:
  ProgramProcess() = default;

  void Wait(const UnitReporter& reporter, std::optional<Instant> deadline);
  // Hands on what has come. Returns how much that was.
  std::size_t Turn(ProgramRun& run);
  void ReadOutput(std::size_t max, std::string& bytes);
  // Looks at the reporter; ends the program if it says so.
  void ObeyReporter(const ProgramRun& run, UnitReporter& reporter);
  void TakeTurnsUntilQuiet(ProgramRun& run);
  void KillTree() const;
  // Whether there was anything to kill.
  void KillStrays() const;
  bool OutputClosed() const { return !output_.valid(); }

  SystemClock clock_;
  Child child_;
  std::optional<StreamServer> server_;
  Fd output_;
  std::string report_;
  std::optional<WaitStatus> status_;
  std::optional<std::string> ended_by_us_;
  std::vector<pollfd> fds_;
  std::string stream_bytes_;
  std::string output_bytes_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_PROGRAM_PROCESS_H_
