// A worker's end of its socket: messages in and out, and what may interrupt.
//
// Nothing here blocks but Flush, which waits for an agent that reads slowly,
// and Wait. Which message is right when is the business of RunWorker.

#ifndef PACELINE_WORKER_LIB_WORKER_CHANNEL_H_
#define PACELINE_WORKER_LIB_WORKER_CHANNEL_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/fd.h"
#include "worker/protocol/codec.h"
#include "worker/protocol/messages.h"

namespace paceline {

class WorkerChannel {
 public:
  // Takes the socket that an agent left for this process: its descriptor is
  // named by the environment, which does not name it afterwards, and children
  // do not inherit it.
  //
  // Returns kFailedPrecondition when there is none.
  static absl::StatusOr<Fd> TakeSocket();

  // With `catch_sigterm`, SIGTERM no longer ends the process but shows in
  // Terminating(); to be called before other threads are started.
  static absl::StatusOr<std::unique_ptr<WorkerChannel>> Create(
      Fd socket, bool catch_sigterm);

  void Queue(FromWorker message);
  void Flush();

  // Reads what has come, without waiting. Nothing when no whole message is
  // there.
  std::optional<ToWorker> Next();

  // Waits until Next may have more to give, or Terminating() may have changed.
  void Wait();

  // The agent is gone, or what came from it made no sense: nothing more can be
  // said or heard. Messages that came before are still given by Next.
  bool closed() const { return closed_; }
  // Why, where it is not just the end of the stream.
  const absl::Status& error() const { return error_; }

  // Whether SIGTERM came. Looks without waiting.
  bool Terminating();

  // Readable while there may be something new.
  int wake_fd() const { return epoll_.get(); }

 private:
  WorkerChannel() = default;

  absl::Status Watch(int fd);
  void Close(absl::Status error);

  Fd socket_;
  Fd signals_;  // not valid where SIGTERM is left alone
  Fd epoll_;
  FrameReader reader_;
  std::string out_;
  bool closed_ = false;
  bool terminating_ = false;
  absl::Status error_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_WORKER_CHANNEL_H_
