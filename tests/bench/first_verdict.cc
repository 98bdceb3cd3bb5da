// Times how long a run takes to its first verdict: the median over several.
//
//   first_verdict --name NAME --runs N [--at-most SECONDS] COMMAND...
//
// COMMAND is a `paceline run` with `--json -`: what is timed is from its start
// to the first line that tells of a verdict. Each run is ended then. Exit
// status 1 when the median is over --at-most, 2 when there is no verdict. One
// line of JSON goes to descriptor 3 if it is open.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

extern char** environ;

namespace {

double Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// Negative if there was none.
double Seconds(char** argv) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return -1;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  pid_t pid = 0;
  const double start = Now();
  const int error =
      posix_spawnp(&pid, argv[0], &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  double seconds = -1;
  std::string text;
  char buffer[65536];
  while (error == 0 && seconds < 0) {
    const ssize_t size = read(ends[0], buffer, sizeof buffer);
    if (size <= 0) {
      break;
    }
    text.append(buffer, static_cast<std::size_t>(size));
    if (text.find("\"verdict\":") != std::string::npos) {
      seconds = Now() - start;
    }
  }
  if (error == 0) {
    kill(pid, SIGTERM);
    // It may wait for us to read what it still has to say.
    while (read(ends[0], buffer, sizeof buffer) > 0) {
    }
    waitpid(pid, nullptr, 0);
  }
  close(ends[0]);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  std::string name = "unnamed";
  int runs = 9;
  double at_most = 0;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    const std::string flag = argv[at];
    if (flag == "--name") {
      name = argv[at + 1];
    } else if (flag == "--runs") {
      runs = std::atoi(argv[at + 1]);
    } else if (flag == "--at-most") {
      at_most = std::atof(argv[at + 1]);
    }
  }
  if (at >= argc || runs < 1) {
    std::fprintf(stderr,
                 "usage: first_verdict --name NAME --runs N [--at-most "
                 "SECONDS] COMMAND...\n");
    return 2;
  }
  std::vector<double> times;
  for (int run = 0; run <= runs; ++run) {
    const double seconds = Seconds(argv + at);
    if (seconds < 0) {
      std::fprintf(stderr, "first_verdict: there was none\n");
      return 2;
    }
    if (run > 0) {
      times.push_back(seconds);
    }
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const bool met = at_most <= 0 || median <= at_most;
  std::printf("%-44s %8.3f s [%.3f, %.3f]", name.c_str(), median, times.front(),
              times.back());
  if (at_most > 0) {
    std::printf("  at most %.3f: %s", at_most, met ? "met" : "NOT MET");
  }
  std::printf("\n");
  if (fcntl(3, F_GETFD) != -1) {
    dprintf(
        3, "{\"name\": \"%s\", \"runs\": %d, \"s\": %.6f, \"at_most\": %.6f}\n",
        name.c_str(), runs, median, at_most);
  }
  return met ? 0 : 1;
}
