// A worker that becomes a burden to its host, in the way that its first
// argument says, so that soft recycling is tried on what really grows.
//
//   worker_burden MODE LOG
//
// Its tests pass, all of them: what is wrong is the process alone. Twelve
// scopes of three tests; each test says that it took 100 ms, though it did not,
// which makes the coordinator hand out every scope as a unit of its own. LOG
// gets a line for each thing that happens to a process or a scope:
//
//   start PID · set-up SCOPE PID · tear-down SCOPE PID · leave PID
//
// and "die SCOPE PID" where the mode is breaks-down.

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"
#include "worker/lib/worker.h"

namespace paceline {
namespace {

constexpr int kScopes = 12;
constexpr int kTests = 3;
constexpr std::size_t kMiB = std::size_t{1} << 20;

// Resident memory, not merely asked for; given back when it goes.
class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : bytes_(bytes),
        data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (data_ == MAP_FAILED) {
      std::perror("worker_burden: no memory");
      abort();
    }
    std::memset(data_, 0x5a, bytes_);
  }
  ~Memory() {
    if (data_ != nullptr) {
      munmap(data_, bytes_);
    }
  }
  Memory(Memory&& other) noexcept
      : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  Memory& operator=(Memory&&) = delete;

 private:
  std::size_t bytes_;
  void* data_;
};

struct Held {
  std::vector<Memory> memory;
  std::vector<Fd> descriptors;

  void TakeMemory(std::size_t bytes) { memory.emplace_back(bytes); }
  void TakeDescriptors(int count) {
    for (int i = 0; i < count; ++i) {
      descriptors.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!descriptors.back().valid()) {
        std::perror("worker_burden: no descriptor");
        abort();
      }
    }
  }
};

class Burden final : public Runner {
 public:
  Burden(absl::string_view mode, std::string log)
      : mode_(mode), log_(std::move(log)) {}

  void Start() {
    Note("start");
    if (mode_ == "starts-large") {
      process_.TakeMemory(64 * kMiB);
      process_.TakeDescriptors(80);
    }
  }

  absl::string_view name() const override { return "burden"; }
  absl::Status Open(const WorkerSuite&) override { return absl::OkStatus(); }
  void Close() override { Note("leave"); }

  absl::Status RunUnit(const WorkerRunUnit& unit,
                       UnitReporter& reporter) override {
    for (std::uint32_t i = 0; i < unit.tests.size(); ++i) {
      const std::string& test = unit.tests[i].name;
      EnterScope(test.substr(0, test.find('.')));
      reporter.TestStarted(i);
      RunTest();
      TestResult result;
      result.outcome = Outcome::kPassed;
      result.duration = std::chrono::milliseconds(100);
      reporter.TestFinished(i, std::move(result));
    }
    EnterScope("");
    return absl::OkStatus();
  }

 private:
  // One line, whole, whoever else writes.
  void Note(absl::string_view what) const {
    const std::string line = absl::StrCat(what, " ", getpid(), "\n");
    const Fd file(
        open(log_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (write(file.get(), line.data(), line.size()) !=
        static_cast<ssize_t>(line.size())) {
      std::perror("worker_burden: cannot write to its log");
      abort();
    }
  }

  // Tears the current scope down and sets the next one up; "" is none.
  void EnterScope(const std::string& scope) {
    if (scope == scope_) {
      return;
    }
    if (!scope_.empty()) {
      fixture_ = Held();
      Note(absl::StrCat("tear-down ", scope_));
    }
    scope_ = scope;
    if (scope_.empty()) {
      return;
    }
    if (mode_ == "breaks-down" && scope_ == absl::StrCat("s", kScopes - 1)) {
      BreakDown();
    }
    Note(absl::StrCat("set-up ", scope_));
    if (mode_ == "holds-memory") {
      fixture_.TakeMemory(64 * kMiB);
    } else if (mode_ == "holds-descriptors") {
      fixture_.TakeDescriptors(80);
    }
  }

  // The first two processes that come here go no further.
  void BreakDown() const {
    std::ifstream log(log_);
    int before = 0;
    for (std::string line; std::getline(log, line);) {
      before += absl::StartsWith(line, "die ") ? 1 : 0;
    }
    if (before < 2) {
      Note(absl::StrCat("die ", scope_));
      _exit(1);
    }
  }

  void RunTest() {
    if (mode_ == "leaks-memory") {
      process_.TakeMemory(8 * kMiB);
    } else if (mode_ == "leaks-descriptors") {
      process_.TakeDescriptors(10);
    } else if (mode_ == "loads-late") {
      if (process_.memory.empty()) {
        process_.TakeMemory(64 * kMiB);
        process_.TakeDescriptors(80);
      }
    } else if (mode_ == "grows-old" || mode_ == "breaks-down") {
      // A test that takes its time.
      poll(nullptr, 0, 10);
    }
  }

  const std::string mode_;
  const std::string log_;
  Held process_;
  Held fixture_;
  std::string scope_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  std::vector<absl::string_view> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--paceline-list") {
    for (int scope = 0; scope < paceline::kScopes; ++scope) {
      for (int test = 0; test < paceline::kTests; ++test) {
        std::printf("s%d\ts%d.%d\n", scope, scope, test);
      }
    }
    return 0;
  }
  if (arguments.size() != 2) {
    std::fprintf(stderr, "usage: worker_burden MODE LOG\n");
    return 2;
  }
  paceline::Burden burden(arguments[0], std::string(arguments[1]));
  burden.Start();
  return paceline::RunWorker(burden);
}
