// Where the Python half of this program is.
//
// The package of workers and collectors lies beside the program: in
// ../share/paceline of an installation, in share/paceline of a build tree.
// PACELINE_DATA_DIR names another place.

#ifndef PACELINE_WORKER_PYTHON_DATA_DIRECTORY_H_
#define PACELINE_WORKER_PYTHON_DATA_DIRECTORY_H_

#include <string>

#include "absl/status/statusor.h"

namespace paceline {

inline constexpr char kDataDirectoryVariable[] = "PACELINE_DATA_DIR";

// The script that starts a worker or a collector in a Python of the user's.
// Returns kNotFound with a whole sentence that says where it was looked for.
absl::StatusOr<std::string> PythonBootScript();

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_DATA_DIRECTORY_H_
