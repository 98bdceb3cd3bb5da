#include "worker/python/python_worker.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "worker/lib/worker.h"
#include "worker/python/data_directory.h"

namespace paceline {
namespace {

// Says why nothing of the suite can be run here.
class RefusingRunner final : public Runner {
 public:
  RefusingRunner(absl::string_view name, std::string why)
      : name_(name), why_(std::move(why)) {}

  absl::string_view name() const override { return name_; }
  absl::Status Open(const WorkerSuite& /*suite*/) override {
    return absl::FailedPreconditionError(why_);
  }
  absl::Status RunUnit(const WorkerRunUnit& /*unit*/,
                       UnitReporter& /*reporter*/) override {
    return absl::FailedPreconditionError(why_);
  }

 private:
  const std::string name_;
  const std::string why_;
};

// Returns only where it fails, with a sentence.
std::string BecomePython(const std::string& runner) {
  const char* const python = std::getenv(kPythonVariable);
  if (python == nullptr) {
    return absl::StrCat(kPythonVariable,
                        " is not set: this suite was discovered by a program "
                        "that is not of this version of paceline");
  }
  const absl::StatusOr<std::string> boot = PythonBootScript();
  if (!boot.ok()) {
    return std::string(boot.status().message());
  }
  std::string path = python;
  std::string script = *boot;
  std::string mode = "worker";
  std::string name = runner;
  char* const argv[] = {path.data(), script.data(), mode.data(), name.data(),
                        nullptr};
  execv(python, argv);
  return absl::StrCat(
      "the Python of this suite, ", python,
      ", cannot be started on this host: ", std::strerror(errno));
}

}  // namespace

bool IsPythonRunner(absl::string_view runner) {
  return runner == "pytest" || runner == "unittest" || runner == "doctest";
}

int RunPythonWorker(absl::string_view runner) {
  RefusingRunner refusing(runner, BecomePython(std::string(runner)));
  return RunWorker(refusing);
}

}  // namespace paceline
