// Reading a WorkerHealth off the system.
//
// rss_bytes from VmRSS, peak from VmHWM, both of one read of /proc/PID/status;
// open descriptors by the first way that works: the size that stat gives for
// /proc/PID/fd (kernels from 6.2), else for ourselves one poll(2) over
// 0…FDSize counting those without POLLNVAL (it does not see those opened with
// O_PATH), else a read of the directory.
// Costs some twenty microseconds, with 900 descriptors open little more.

#ifndef PACELINE_COMMON_OS_HEALTH_READER_H_
#define PACELINE_COMMON_OS_HEALTH_READER_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "common/model/worker_health.h"

namespace paceline {

// Of the calling process.
WorkerHealth ReadOwnHealth();

// Of another process of ours. Readings are absent where it is gone.
WorkerHealth ReadHealth(pid_t pid);

// The sum over `base` and the processes in `pids`; a reading absent in `base`
// stays absent. Peaks are of different moments and are not summed: the largest
// of them, or what all hold now if that is more.
WorkerHealth AddTree(WorkerHealth base, const std::vector<pid_t>& pids);

// Asks the kernel to start VmHWM of this process anew; false where it cannot.
bool ResetOwnPeakRss();

// The three ways to count our own descriptors, each nothing where it does not
// work here; separate so that tests can hold them against each other.
std::optional<std::uint32_t> CountFdsByStat();
std::optional<std::uint32_t> CountFdsByPoll();
std::optional<std::uint32_t> CountFdsByDirectory();

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_HEALTH_READER_H_
