// Early return on a bad absl::Status; Abseil 20220623 has no such macros.

#ifndef PACELINE_COMMON_BASE_STATUS_MACROS_H_
#define PACELINE_COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define PACELINE_RETURN_IF_ERROR(expression)          \
  do {                                                \
    if (absl::Status paceline_status_ = (expression); \
        !paceline_status_.ok()) {                     \
      return paceline_status_;                        \
    }                                                 \
  } while (false)

#define PACELINE_CONCAT_INNER_(a, b) a##b
#define PACELINE_CONCAT_(a, b) PACELINE_CONCAT_INNER_(a, b)

#define PACELINE_ASSIGN_OR_RETURN(declaration, expression) \
  PACELINE_ASSIGN_OR_RETURN_IMPL_(                         \
      PACELINE_CONCAT_(paceline_statusor_, __LINE__), declaration, expression)

#define PACELINE_ASSIGN_OR_RETURN_IMPL_(statusor, declaration, expression) \
  auto statusor = (expression);                                            \
  if (!statusor.ok()) {                                                    \
    return std::move(statusor).status();                                   \
  }                                                                        \
  declaration = *std::move(statusor)

#endif  // PACELINE_COMMON_BASE_STATUS_MACROS_H_
