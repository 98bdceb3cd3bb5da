// What an agent and its warden tell each other, over a SEQPACKET socket.
//
// Both ends are the same program on the same host: messages are structs as
// they lie in memory. What may be long (a worker's arguments and environment)
// travels in a memfd beside the message.

#ifndef PACELINE_AGENT_WARDEN_PROTOCOL_H_
#define PACELINE_AGENT_WARDEN_PROTOCOL_H_

#include <sys/types.h>

#include <cstdint>

namespace paceline {

inline constexpr int kWardenFd = 3;
// Locked for as long as it is open (common/os/temp_directory.h).
inline constexpr int kWardenDirectoryFd = 4;
// Names what the warden removes at its end.
inline constexpr char kWardenDirectoryVariable[] = "PACELINE_WARDEN_DIRECTORY";

enum class WardenRequestKind : std::uint32_t {
  // With three descriptors: a memfd of strings (WardenClient::Spawn), the
  // worker's end of its socket, and its standard output and error.
  kSpawn = 1,
  // `signal` to the worker and all that it left anywhere.
  kSignal = 2,
  // `pid` below the worker outlives it, for `run`.
  kKeep = 3,
  // What was kept for `run` is ended.
  kEndKept = 4,
  // A template is about to be asked for a worker that is known by `mark`.
  kExpect = 5,
  // `pid`, a child of the warden that a template forked, is the worker that was
  // expected.
  kWatch = 6,
  // The worker that was expected does not come.
  kForget = 7,
};

struct WardenRequest {
  WardenRequestKind kind{};
  std::uint32_t worker = 0;
  std::int32_t signal = 0;
  // kSpawn: strings in the memfd, each ended by NUL: the working directory,
  // the worker's mark, so many arguments, the rest the environment.
  std::uint32_t arguments = 0;
  std::uint64_t bytes = 0;
  // kSpawn: the worker is the subreaper of what it starts.
  bool reaps = false;
  // kSpawn: see WorkerLaunch.
  bool terminal = false;
  // kKeep, kEndKept; the agent's number for it.
  std::uint32_t run = 0;
  pid_t pid = 0;
  // kExpect, NUL-terminated.
  char mark[64] = {};
};

enum class WardenReplyKind : std::uint32_t {
  kSpawned = 1,      // `pid`
  kSpawnFailed = 2,  // `text`
  kExited = 3,       // `status`, as waitpid gives it
};

struct WardenReply {
  WardenReplyKind kind{};
  std::uint32_t worker = 0;
  pid_t pid = 0;
  std::int32_t status = 0;
  // kSpawnFailed: an absl::StatusCode.
  std::int32_t code = 0;
  // A sentence, NUL-terminated.
  char text[512] = {};
};

}  // namespace paceline

#endif  // PACELINE_AGENT_WARDEN_PROTOCOL_H_
