// Reading the kernel's files about processes.
//
// Used by the readers of health and of process trees alone. A process may go
// at any moment: what cannot be read is nothing, never an error.

#ifndef PACELINE_COMMON_OS_PROC_FILE_H_
#define PACELINE_COMMON_OS_PROC_FILE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace paceline {

// All of the file at `path`, up to `max_bytes`; nothing if it cannot be opened
// or read.
std::optional<std::string> ReadProcFile(const std::string& path,
                                        std::size_t max_bytes = 64 * 1024);

// The numeric names in the directory at `path` (pids, tids), in the order of
// the directory; nothing if it cannot be opened.
std::optional<std::vector<pid_t>> NumericEntries(const std::string& path);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_PROC_FILE_H_
