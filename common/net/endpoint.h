// The addresses that paceline listens on and dials.

#ifndef PACELINE_COMMON_NET_ENDPOINT_H_
#define PACELINE_COMMON_NET_ENDPOINT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace paceline {

// Returns kInvalidArgument, with an example, unless `endpoint` is
// tcp://HOST:PORT (PORT may be * where `listening`), ipc://PATH or
// inproc://NAME.
absl::Status ValidateEndpoint(absl::string_view endpoint, bool listening);

// Whether only this machine can reach it: ipc, inproc, or tcp on 127.0.0.0/8,
// [::1] or localhost.
bool IsLocal(absl::string_view endpoint);

}  // namespace paceline

#endif  // PACELINE_COMMON_NET_ENDPOINT_H_
