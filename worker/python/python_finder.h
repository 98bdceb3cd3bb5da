// Which Python runs a target's tests.

#ifndef PACELINE_WORKER_PYTHON_PYTHON_FINDER_H_
#define PACELINE_WORKER_PYTHON_PYTHON_FINDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

struct PythonWish {
  // --python or the key `python`: a path, or a name in PATH. Empty: look.
  std::string named;
  // A file or folder of the target's; may be empty.
  std::string target;
  // "pytest": the Python that the user's `pytest` belongs to will do.
  absl::string_view runner;
  // "NAME=value" each; VIRTUAL_ENV and PATH matter.
  const std::vector<std::string>& env;
};

// The absolute path of an interpreter, in this order: the one that is named;
// the active virtual environment's; that of a .venv or venv beside the target
// or above it; the one that `pytest` in PATH starts with (its "#!" line);
// python3 in PATH. A symbolic link is not followed: a virtual environment's
// Python is one, and knows by its own path whose it is.
//
// Returns kNotFound with a whole sentence.
absl::StatusOr<std::string> FindPython(const PythonWish& wish);

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_PYTHON_FINDER_H_
