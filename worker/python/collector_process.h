// A collector's process and the conversation with it.
//
// Two threads use it: one reads what the collector finds; the other writes
// results while the collector is busy with something else, and takes in what it
// prints, so that it never waits for us. Of that the end is kept, for sentences
// about its failure.

#ifndef PACELINE_WORKER_PYTHON_COLLECTOR_PROCESS_H_
#define PACELINE_WORKER_PYTHON_COLLECTOR_PROCESS_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/os/subprocess.h"
#include "worker/discovery/process_group.h"
#include "worker/protocol/codec.h"
#include "worker/python/collector_messages.h"

namespace paceline {

class CollectorProcess {
 public:
  // Starts `python` as the collector of `runner` in this process's working
  // directory. Returns a status whose message is a whole sentence.
  static absl::StatusOr<std::unique_ptr<CollectorProcess>> Start(
      const std::string& python, absl::string_view runner,
      std::vector<std::string> env);
  // Ends it, with what it started.
  ~CollectorProcess();
  CollectorProcess(const CollectorProcess&) = delete;
  CollectorProcess& operator=(const CollectorProcess&) = delete;

  // Never waits; what cannot be sent is dropped, since the collector is gone.
  // Safe from any thread.
  void Send(const ToCollector& message);

  // The next message. Returns kCancelled when `cancelled` said so,
  // kDeadlineExceeded when nothing came within `patience`, which counts from
  // when the collector last took in what was sent to it; kUnavailable when it
  // has ended, and kInvalidArgument when what it sent is no message. For one
  // thread.
  absl::StatusOr<FromCollector> Receive(Duration patience,
                                        const std::function<bool()>& cancelled);

  // Ends it at once, with what it started.
  void Kill();

  // "It ended with exit status 3. Its last words: …", for sentences. Waits a
  // moment for the end of a process that has closed its socket.
  std::string LastWords();

 private:
  CollectorProcess() = default;

  void ServeLoop();
  // Writes of `sending`, of which `sent` bytes are; false when nobody reads.
  bool Write(const std::string& sending, std::size_t& sent);
  // Takes in what it printed; false when no more will come. Any thread.
  bool ReadOutput();
  void Wake();

  const SystemClock clock_{};
  // Before child_: it ends what that leaves.
  std::unique_ptr<ProcessGroup> group_;
  Child child_;
  Fd socket_;
  Fd output_;
  FrameReader frames_;

  std::mutex mutex_;
  std::string printed_;
  std::string unsent_;
  // Nobody reads what is sent.
  bool gone_ = false;
  bool stopping_ = false;
  Instant last_written_;
  Fd wake_;
  std::thread writer_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_COLLECTOR_PROCESS_H_
