#include "tests/unit/pool_thread/fake_template.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/worker_launch.h"
#include "common/base/fd.h"
#include "worker/command/command_worker.h"
#include "worker/protocol/codec.h"
#include "worker/protocol/messages.h"

namespace paceline {
namespace {

void Say(const FromWorker& message) {
  std::string frame;
  AppendFrame(message, frame);
  if (write(kWorkerFd, frame.data(), frame.size()) !=
      static_cast<ssize_t>(frame.size())) {
    _exit(0);  // the agent is gone
  }
}

// Some bytes, with the descriptors that came with them.
std::string Read(std::size_t size, std::vector<Fd>& passed) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    iovec data{bytes.data() + have, size - have};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(kWorkerFd, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) {
      _exit(0);
    }
    have += static_cast<std::size_t>(n);
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int fds[2];
      std::memcpy(fds, CMSG_DATA(header), sizeof fds);
      passed.emplace_back(fds[0]);
      passed.emplace_back(fds[1]);
    }
  }
  return bytes;
}

ToWorker Receive(std::vector<Fd>& passed) {
  std::uint32_t length = 0;
  for (const char byte : Read(4, passed)) {
    length = length << 8 | static_cast<unsigned char>(byte);
  }
  absl::StatusOr<ToWorker> message = DecodeToWorker(Read(length, passed));
  if (!message.ok()) {
    _exit(9);
  }
  return *std::move(message);
}

// Writes over what others see of this process.
void TakeName(const std::string& name) {
  char* const initial = std::getenv(kWorkerIdVariable);
  if (initial != nullptr && name.size() <= std::strlen(initial)) {
    std::memset(initial, 0, std::strlen(initial));
    std::memcpy(initial, name.data(), name.size());
  }
}

// Whether this process is the worker.
bool Fork(const WorkerFork& fork_request, const std::vector<Fd>& passed) {
  int ends[2];
  if (passed.size() != 2 || pipe(ends) != 0) {
    _exit(9);
  }
  const pid_t child = fork();
  if (child == 0) {
    const pid_t worker = fork();
    if (worker != 0) {
      if (write(ends[1], &worker, sizeof worker) != sizeof worker) {
        _exit(9);
      }
      _exit(0);
    }
    setpgid(0, 0);
    dup2(passed[0].get(), kWorkerFd);
    dup2(passed[1].get(), STDOUT_FILENO);
    dup2(passed[1].get(), STDERR_FILENO);
    TakeName(fork_request.worker);
    close(ends[0]);
    close(ends[1]);
    return true;
  }
  pid_t worker = 0;
  if (read(ends[0], &worker, sizeof worker) != sizeof worker) {
    _exit(9);
  }
  close(ends[0]);
  close(ends[1]);
  waitpid(child, nullptr, 0);
  Say(WorkerForked{fork_request.request, static_cast<std::uint32_t>(worker)});
  return false;
}

}  // namespace

int RunFakeTemplate(absl::string_view behaviour) {
  const char* const may_serve = std::getenv(kTemplateVariable);
  if (may_serve == nullptr || std::strcmp(may_serve, "1") != 0) {
    return RunCommandWorker();
  }
  WorkerHello hello;
  hello.runner = "command";
  hello.is_template = true;
  Say(hello);
  while (true) {
    if (behaviour == "deaf") {
      pause();
      continue;
    }
    std::vector<Fd> passed;
    const ToWorker message = Receive(passed);
    if (std::holds_alternative<WorkerSuite>(message)) {
      if (const char* const log = std::getenv("FAKE_TEMPLATE_LOG")) {
        std::ofstream(log, std::ios::app) << "loaded\n";
      }
      if (behaviour == "hangs") {
        pause();
      }
      Say(WorkerTemplateReady{behaviour != "plain", "as it was told"});
    } else if (std::holds_alternative<WorkerServe>(message)) {
      return RunCommandWorker();
    } else if (const auto* asked = std::get_if<WorkerFork>(&message)) {
      if (behaviour == "dies") {
        return 7;
      }
      if (Fork(*asked, passed)) {
        passed.clear();
        return RunCommandWorker();
      }
    } else if (std::holds_alternative<WorkerShutdown>(message)) {
      return 0;
    }
  }
}

}  // namespace paceline
