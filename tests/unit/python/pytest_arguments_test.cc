#include "worker/python/pytest_arguments.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paceline {
namespace {

using Arguments = std::vector<std::string>;

TEST(PytestArgumentsTest, TheTerminalIsWantedAsPytestReadsIt) {
  for (const Arguments& arguments :
       {Arguments{"-s"}, Arguments{"--capture=no"},
        Arguments{"--capture", "no"}, Arguments{"-vs"}, Arguments{"-x", "-sv"},
        Arguments{"-k", "a", "-s"}, Arguments{"--pdb"}, Arguments{"--trace"},
        Arguments{"-s", "--capture=fd", "--pdb"}, Arguments{"-kx", "-s"}}) {
    EXPECT_TRUE(PytestWantsTerminal(arguments)) << arguments[0];
  }
}

TEST(PytestArgumentsTest, ValuesAndOtherFlagsAreNotTakenForIt) {
  for (const Arguments& arguments :
       {Arguments{}, Arguments{"-v"}, Arguments{"-k", "-s"}, Arguments{"-ks"},
        Arguments{"-vk", "-s"}, Arguments{"-rs"}, Arguments{"-ps"},
        Arguments{"--capture=fd"}, Arguments{"-s", "--capture=sys"},
        Arguments{"--pdbcls=a:b"}, Arguments{"--", "-s"}, Arguments{"-"},
        Arguments{"tests/s"}}) {
    EXPECT_FALSE(PytestWantsTerminal(arguments));
  }
}

}  // namespace
}  // namespace paceline
