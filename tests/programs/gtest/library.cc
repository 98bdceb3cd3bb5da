// Has a case of its own, and others in a shared library.

#include <gtest/gtest.h>

int CasesInTheLibrary();

namespace {

TEST(Program, UsesItsLibrary) { EXPECT_EQ(CasesInTheLibrary(), 2); }

}  // namespace
