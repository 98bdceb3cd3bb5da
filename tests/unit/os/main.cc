#include <gmock/gmock.h>

#include "tests/unit/os/child.h"

int main(int argc, char** argv) {
  if (const int exit_code = paceline::RunChild(argc, argv); exit_code >= 0) {
    return exit_code;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
