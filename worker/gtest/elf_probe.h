// Whether a file is a program with GoogleTest in it, without running it.

#ifndef PACELINE_WORKER_GTEST_ELF_PROBE_H_
#define PACELINE_WORKER_GTEST_ELF_PROBE_H_

#include <string>

namespace paceline {

// True for an executable regular ELF file that holds GoogleTest's own text or
// needs a shared library of the name libgtest or libgmock. Scripts that start
// a test program are not recognised: nothing in them says so.
bool HoldsGoogleTest(const std::string& path);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_ELF_PROBE_H_
