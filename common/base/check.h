// PACELINE_CHECK: a broken invariant of ours ends the process with a sentence.
//
// On in release builds too. Never for input of a peer, a worker or a user:
// those get an absl::Status.

#ifndef PACELINE_COMMON_BASE_CHECK_H_
#define PACELINE_COMMON_BASE_CHECK_H_

namespace paceline {

[[noreturn]] void CheckFailed(const char* file, int line,
                              const char* condition);

}  // namespace paceline

#define PACELINE_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      ::paceline::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                          \
  } while (false)

#endif  // PACELINE_COMMON_BASE_CHECK_H_
