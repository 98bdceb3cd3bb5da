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

  // Feeds `run` until the process has ended: by itself, because the reporter
  // says so, or because no case ran for `outside_bound` (zero: for ever).
  // Nothing of it runs any more then. What is to end gets SIGTERM, the
  // reporter's grace, and SIGKILL.
  ProgramEnd Serve(ProgramRun& run, UnitReporter& reporter,
                   Duration outside_bound);

 private:
  ProgramProcess() = default;

  void Wait(const UnitReporter& reporter, std::optional<Instant> deadline);
  // Hands on what has come. Returns how much that was.
  std::size_t Turn(ProgramRun& run);
  void ReadOutput(std::size_t max, std::string& bytes);
  // When it has hung outside of cases.
  std::optional<Instant> HangsAt(const ProgramRun& run) const;
  // Looks at the reporter and the clock; ends the program if they say so.
  void EndIfDue(const ProgramRun& run, UnitReporter& reporter);
  void Terminate(const UnitReporter& reporter);
  void KillTree() const;
  bool OutputClosed() const { return !output_.valid(); }

  SystemClock clock_;
  Child child_;
  std::optional<StreamServer> server_;
  Fd output_;
  std::string report_;
  std::optional<WaitStatus> status_;
  std::optional<std::string> ended_by_us_;
  bool stopped_ = false;
  std::optional<Duration> hung_;
  Duration outside_bound_{};
  Instant started_;
  // Since when it knows that it has to end, and when it is killed.
  std::optional<Instant> term_at_;
  std::optional<Instant> kill_at_;
  bool killed_ = false;
  std::vector<pollfd> fds_;
  std::string stream_bytes_;
  std::string output_bytes_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_PROGRAM_PROCESS_H_
