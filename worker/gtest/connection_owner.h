// Whose connection arrived at a port of ours.

#ifndef PACELINE_WORKER_GTEST_CONNECTION_OWNER_H_
#define PACELINE_WORKER_GTEST_CONNECTION_OWNER_H_

#include <sys/types.h>

namespace paceline {

// Whether the other end of the accepted loopback connection `fd` is known to
// be held by somebody else than `root` and its descendants. False where that
// cannot be told: the peer has closed already, or the kernel does not say.
bool IsSomebodyElses(int fd, pid_t root);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_CONNECTION_OWNER_H_
