// Debian's Python, which has pytest; the one in PATH may be another.

#ifndef PACELINE_TESTS_SUPPORT_DEBIAN_PYTHON_H_
#define PACELINE_TESTS_SUPPORT_DEBIAN_PYTHON_H_

#include <gtest/gtest.h>

#include "tests/support/program.h"

namespace paceline {

inline constexpr char kDebianPython[] = "/usr/bin/python3";

// A test that is skipped where that Python has no pytest.
class DebianPythonTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto probe =
        RunProgram({kDebianPython, "-c", "import pytest, msgpack"});
    if (probe->exit_code() != 0) {
      GTEST_SKIP() << kDebianPython << " has no pytest: " << probe->err();
    }
  }
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_DEBIAN_PYTHON_H_
