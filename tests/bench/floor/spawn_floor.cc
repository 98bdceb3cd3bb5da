// The floor of running COUNT programs on SLOTS slots: what it costs to start
// each with an output pipe in a process group of its own, read its output to
// the end and reap it, with nothing else around it.
//
//   spawn_floor COUNT SLOTS PROGRAM

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

extern char** environ;

namespace {

struct Slot {
  pid_t pid = -1;
  int pidfd = -1;
  int output = -1;
};

bool Start(Slot& slot, char* program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  char* argv[] = {program, nullptr};
  const int error =
      posix_spawn(&slot.pid, program, &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  slot.output = ends[0];
  if (error != 0) {
    return false;
  }
  slot.pidfd = static_cast<int>(syscall(SYS_pidfd_open, slot.pid, 0));
  return slot.pidfd >= 0;
}

void Finish(Slot& slot) {
  char buffer[4096];
  while (read(slot.output, buffer, sizeof buffer) > 0) {
  }
  int status = 0;
  waitpid(slot.pid, &status, 0);
  close(slot.output);
  close(slot.pidfd);
  slot.pidfd = -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: spawn_floor COUNT SLOTS PROGRAM\n");
    return 2;
  }
  long left = std::atol(argv[1]);
  std::vector<Slot> slots(static_cast<std::size_t>(std::atol(argv[2])));
  std::vector<pollfd> fds(slots.size());
  std::size_t busy = 0;
  while (left > 0 || busy > 0) {
    for (Slot& slot : slots) {
      if (slot.pidfd < 0 && left > 0) {
        if (!Start(slot, argv[3])) {
          std::perror("spawn_floor");
          return 1;
        }
        --left;
        ++busy;
      }
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
      fds[i] = {slots[i].pidfd, POLLIN, 0};
    }
    poll(fds.data(), fds.size(), -1);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].pidfd >= 0 && (fds[i].revents & POLLIN) != 0) {
        Finish(slots[i]);
        --busy;
      }
    }
  }
  return 0;
}
