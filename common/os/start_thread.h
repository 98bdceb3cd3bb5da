// Starting a thread where the system may have none left.

#ifndef PACELINE_COMMON_OS_START_THREAD_H_
#define PACELINE_COMMON_OS_START_THREAD_H_

#include <functional>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

// Runs `body` on a thread of its own, which the caller joins. `what` names it
// in the error. Returns kUnavailable in a sentence when there can be no other
// thread, as where a test has used up the user's processes; std::thread itself
// throws then.
absl::StatusOr<std::thread> StartThread(absl::string_view what,
                                        std::function<void()> body);

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_START_THREAD_H_
