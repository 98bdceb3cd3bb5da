// The worker program of the Python runners: becomes the user's Python.

#ifndef PACELINE_WORKER_PYTHON_PYTHON_WORKER_H_
#define PACELINE_WORKER_PYTHON_PYTHON_WORKER_H_

#include "absl/strings/string_view.h"

namespace paceline {

// Names the interpreter in a worker's environment; the worker takes it out
// again before any test is loaded.
inline constexpr char kPythonVariable[] = "PACELINE_PYTHON";

// Whether `runner` is one whose workers are Python programs.
bool IsPythonRunner(absl::string_view runner);

// The body of `paceline worker RUNNER`: does not return where the interpreter
// can be started. Where it cannot, this process is a worker that refuses the
// suite with a sentence.
int RunPythonWorker(absl::string_view runner);

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_PYTHON_WORKER_H_
