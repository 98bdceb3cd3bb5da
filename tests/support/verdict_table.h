// A table of the verdicts that the tests of a program must have, and its
// comparison with a JUnit file, in both directions.

#ifndef PACELINE_TESTS_SUPPORT_VERDICT_TABLE_H_
#define PACELINE_TESTS_SUPPORT_VERDICT_TABLE_H_

#include <map>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace paceline {

struct ExpectedVerdict {
  std::string test;  // "classname.name"
  std::string verdict;
  // Part of what its failure, error or skip says; empty: whatever that is.
  std::string says = "";
};
using VerdictTable = std::vector<ExpectedVerdict>;

// Fails the test unless the file has these tests with these verdicts, and none
// else. Failures that belong to no test ("program: what failed") may be there
// several times, told apart by numbers: "program: what failed (2)".
void ExpectVerdicts(const std::multimap<std::string, JunitTest>& tests,
                    const VerdictTable& table);

// The only test of that name; fails the test where it is not the only one.
JunitTest OnlyTest(const std::multimap<std::string, JunitTest>& tests,
                   const std::string& name);

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_VERDICT_TABLE_H_
