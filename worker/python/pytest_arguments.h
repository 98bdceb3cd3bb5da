// What pytest's own arguments ask of whoever starts it.

#ifndef PACELINE_WORKER_PYTHON_PYTEST_ARGUMENTS_H_
#define PACELINE_WORKER_PYTHON_PYTEST_ARGUMENTS_H_

#include <string>
#include <vector>

namespace paceline {

// Whether tests read and write the user's terminal: -s, --capture=no, --pdb or
// --trace, as pytest reads them.
bool PytestWantsTerminal(const std::vector<std::string>& arguments);

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_PYTEST_ARGUMENTS_H_
