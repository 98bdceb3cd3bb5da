// Runs a command and prints the most memory that all processes of one program
// below it had at one time.
//
//   peak_memory --name NAME [--at-most MB] PROGRAM COMMAND...
//
// What counts is each process's own peak (VmHWM), summed over those that live
// at one moment, the greatest such sum. Processes count by their executable,
// PROGRAM; a copy that is between fork and exec, whose parent counts as one
// that starts tests, shares its parent's memory and does not. Exit status 1
// when the peak is over --at-most, 2 when the command fails. One line of JSON
// goes to descriptor 3 if it is open.

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

extern char** environ;

namespace {

constexpr useconds_t kBetweenLooks = 20'000;

struct Process {
  int parent = 0;
  bool starts_tests = false;
  double megabytes = 0;
};

std::string FirstArgument(const std::string& directory) {
  std::ifstream file(directory + "/cmdline");
  std::string program;
  std::string first;
  std::getline(file, program, '\0');
  std::getline(file, first, '\0');
  return first;
}

// False when the process is gone, or of another program.
bool Read(const std::string& directory, const std::string& program,
          Process& process) {
  char target[4096];
  const ssize_t size =
      readlink((directory + "/exe").c_str(), target, sizeof target);
  if (size <= 0 ||
      std::string(target, static_cast<std::size_t>(size)) != program) {
    return false;
  }
  process.starts_tests = FirstArgument(directory) == "worker";
  std::ifstream status(directory + "/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    double value = 0;
    words >> key >> value;
    if (key == "PPid:") {
      process.parent = static_cast<int>(value);
    } else if (key == "VmHWM:") {
      process.megabytes = value * 1024 / 1e6;
    }
  }
  return true;
}

double Now(const std::string& program) {
  std::map<int, Process> processes;
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) {
    return 0;
  }
  while (const dirent* const entry = readdir(proc)) {
    const std::string name = entry->d_name;
    Process process;
    if (std::all_of(name.begin(), name.end(),
                    [](unsigned char c) { return std::isdigit(c) != 0; }) &&
        Read("/proc/" + name, program, process)) {
      processes[std::atoi(name.c_str())] = process;
    }
  }
  closedir(proc);
  double sum = 0;
  for (const auto& [pid, process] : processes) {
    const auto parent = processes.find(process.parent);
    if (parent == processes.end() || !parent->second.starts_tests) {
      sum += process.megabytes;
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  std::string name = "unnamed";
  double at_most = 0;
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    const std::string flag = argv[at];
    if (flag == "--name") {
      name = argv[at + 1];
    } else if (flag == "--at-most") {
      at_most = std::atof(argv[at + 1]);
    }
  }
  if (argc - at < 2) {
    std::fprintf(stderr,
                 "usage: peak_memory --name NAME [--at-most MB] PROGRAM "
                 "COMMAND...\n");
    return 2;
  }
  char* const real = realpath(argv[at], nullptr);
  const std::string program = real == nullptr ? "" : real;
  std::free(real);
  pid_t pid = 0;
  if (posix_spawnp(&pid, argv[at + 1], nullptr, nullptr, argv + at + 1,
                   environ) != 0) {
    std::fprintf(stderr, "peak_memory: %s cannot be started\n", argv[at + 1]);
    return 2;
  }
  double peak = 0;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    peak = std::max(peak, Now(program));
    usleep(kBetweenLooks);
  }
  if (status != 0) {
    std::fprintf(stderr, "peak_memory: %s failed (status %d)\n", argv[at + 1],
                 status);
    return 2;
  }
  const bool met = at_most <= 0 || peak <= at_most;
  std::printf("%-44s %8.1f MB", name.c_str(), peak);
  if (at_most > 0) {
    std::printf("  at most %.0f: %s", at_most, met ? "met" : "NOT MET");
  }
  std::printf("\n");
  if (fcntl(3, F_GETFD) != -1) {
    dprintf(3, "{\"name\": \"%s\", \"peak_mb\": %.1f, \"at_most\": %.1f}\n",
            name.c_str(), peak, at_most);
  }
  return met ? 0 : 1;
}
