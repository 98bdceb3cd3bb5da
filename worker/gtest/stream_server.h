// The port that a test program streams its results to.

#ifndef PACELINE_WORKER_GTEST_STREAM_SERVER_H_
#define PACELINE_WORKER_GTEST_STREAM_SERVER_H_

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"

namespace paceline {

// Listens on 127.0.0.1 for one program. Its first connection is the stream;
// further ones (threadsafe death tests connect again) are kept open and read
// to nowhere, since closing them would be a signal to who writes. Connections
// of processes that are not the program's are closed.
class StreamServer {
 public:
  // Returns what socket, bind or listen say.
  static absl::StatusOr<StreamServer> Open();

  std::uint16_t port() const { return port_; }
  // The process whose connections, or its descendants', are taken.
  void set_program(pid_t pid) { program_ = pid; }

  // Adds what to wait for.
  void AddTo(std::vector<pollfd>& fds) const;

  // Takes new connections and reads what has come of the stream, `max` bytes
  // at most, into `bytes`. Never waits.
  void Read(std::size_t max, std::string& bytes);

  // Whether the stream came and is at its end.
  bool ended() const { return ended_; }
  bool connected() const { return stream_.valid() || ended_; }

 private:
  // A stranger may try often; a test program dies of few.
  static constexpr std::size_t kMaxOthers = 256;

  StreamServer(Fd listener, std::uint16_t port)
      : listener_(std::move(listener)), port_(port) {}
  void Accept();
  void DrainOthers();

  Fd listener_;
  std::uint16_t port_ = 0;
  pid_t program_ = -1;
  Fd stream_;
  bool ended_ = false;
  std::deque<Fd> others_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_STREAM_SERVER_H_
