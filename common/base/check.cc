#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace paceline {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr,
               "paceline: internal error at %s:%d: %s does not hold. "
               "Please report this with the lines above.\n",
               file, line, condition);
  std::abort();
}

}  // namespace paceline
