// What leads to one worker: the socket it speaks over, and the pipe at its
// descriptors 1 and 2.
//
// Moves bytes and keeps what has to be kept of them: frames that are not
// whole, what the socket did not take yet, the last of what was printed. It
// knows neither what the messages mean nor when a descriptor is ready; that is
// PoolThread's, whose thread it belongs to.

#ifndef PACELINE_AGENT_PROCESS_CHANNEL_H_
#define PACELINE_AGENT_PROCESS_CHANNEL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/pool_effects.h"
#include "common/base/fd.h"
#include "worker/protocol/codec.h"

namespace paceline {

class ProcessChannel {
 public:
  // What a read found.
  enum class Read {
    kMore,     // some bytes, and perhaps there are more
    kNothing,  // nothing now
    kEnd,      // and there will never be more: the caller closes it
  };
  // What the worker gets.
  struct WorkerEnds {
    Fd socket;
    Fd output;
  };

  // Both of our ends are non-blocking. Fails as the system does when no
  // descriptors are left.
  static absl::StatusOr<std::pair<ProcessChannel, WorkerEnds>> Open();

  // -1 once closed.
  int socket() const { return socket_.get(); }
  int output() const { return output_.get(); }

  // ---- what it says --------------------------------------------------------

  Read ReadSocket();
  // The next whole frame's map, valid until the next call of this or of
  // ReadSocket. None after GiveUp.
  absl::StatusOr<std::optional<absl::string_view>> NextFrame();
  // Its bytes are no messages: what comes is read and dropped.
  void GiveUp() { given_up_ = true; }
  void CloseSocket() { socket_.Reset(); }

  // ---- what it prints ------------------------------------------------------

  Read ReadOutput();
  void CloseOutput() { output_.Reset(); }
  // A test starts: forgets what surely came before it, which is what had been
  // read when all that the worker had said by then was.
  void ForgetOlderOutput();
  // The last 16 KiB, and how many bytes came before them.
  std::string TakeLastOutput() { return std::move(last_output_); }
  std::uint64_t dropped_output() const { return dropped_; }

  // ---- what it is told -----------------------------------------------------

  // Sends at once what the socket takes; the rest waits for Flush.
  void Send(const ToWorker& message);
  // To be called when the socket is writable, while has_unsent().
  void Flush();
  bool has_unsent() const { return !unsent_.empty(); }
  // With `fds` on its first byte. Returns kUnavailable, in a sentence, when
  // the socket does not take all of it at once.
  absl::Status SendWithDescriptors(const ToWorker& message,
                                   const std::array<int, 2>& fds) const;
  // The worker reads the end; its own last words can still be read.
  void EndSending();

 private:
  ProcessChannel() = default;

  Fd socket_;
  Fd output_;
  FrameReader frames_;
  std::string unsent_;
  std::string last_output_;
  // Of all that was printed: how much came before `last_output_`, and how much
  // had been when all that was said had been read.
  std::uint64_t dropped_ = 0;
  std::uint64_t before_words_ = 0;
  bool given_up_ = false;
};

}  // namespace paceline

#endif  // PACELINE_AGENT_PROCESS_CHANNEL_H_
