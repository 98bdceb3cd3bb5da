// What this machine calls itself.

#ifndef PACELINE_COMMON_OS_HOST_NAME_H_
#define PACELINE_COMMON_OS_HOST_NAME_H_

#include <string>

namespace paceline {

// "localhost" where it has no name.
std::string HostName();

}  // namespace paceline

#endif  // PACELINE_COMMON_OS_HOST_NAME_H_
