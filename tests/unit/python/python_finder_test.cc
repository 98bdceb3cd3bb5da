// The five places where a Python is looked for, in their order, in folders of
// the test's own.

#include "worker/python/python_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::HasSubstr;

class FindPythonTest : public testing::Test {
 protected:
  // A program at `name` in the scratch folder, whose first line is `line`.
  std::string Program(const std::string& name,
                      const std::string& line = "#!/bin/sh") {
    std::string path = dir_.Write(name, absl::StrCat(line, "\n"));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  std::string Path(const std::string& name) const {
    return absl::StrCat(dir_.path(), "/", name);
  }
  // As `--python NAMED`, for project/tests/test_a.py.
  absl::StatusOr<std::string> Find(const std::string& named = "",
                                   absl::string_view runner = "pytest") {
    return FindPython({named, Path("project/tests/test_a.py"), runner, env_});
  }

  const ScratchDir dir_;
  std::vector<std::string> env_ = {
      absl::StrCat("PATH=", Path("empty"), "::", Path("bin"))};
};

// Each place hides those after it.
TEST_F(FindPythonTest, LooksInFivePlacesInOrder) {
  EXPECT_THAT(Find(), StatusIs(absl::StatusCode::kNotFound,
                               HasSubstr("Name one with --python")));
  const std::string in_path = Program("bin/python3");
  EXPECT_THAT(Find(), IsOkAndHolds(in_path));
  const std::string of_pytest = Program("tools/python3.11");
  Program("bin/pytest", absl::StrCat("#!", of_pytest, " -E"));
  EXPECT_THAT(Find(), IsOkAndHolds(of_pytest));
  EXPECT_THAT(Find("", "unittest"), IsOkAndHolds(in_path));
  const std::string above = Program("project/.venv/bin/python");
  dir_.Write("project/.venv/pyvenv.cfg", "");
  EXPECT_THAT(Find(), IsOkAndHolds(above));
  const std::string beside = Program("project/tests/venv/bin/python");
  dir_.Write("project/tests/venv/pyvenv.cfg", "");
  EXPECT_THAT(Find(), IsOkAndHolds(beside));
  const std::string active = Program("active/bin/python");
  env_.push_back(absl::StrCat("VIRTUAL_ENV=", Path("active")));
  EXPECT_THAT(Find(), IsOkAndHolds(active));
  const std::string named = Program("bin/python3.9");
  EXPECT_THAT(Find("python3.9"), IsOkAndHolds(named));
  EXPECT_THAT(Find(of_pytest), IsOkAndHolds(of_pytest));
}

TEST_F(FindPythonTest, WhatIsNamedAndNotThereIsAnErrorWhateverElseThereIs) {
  Program("bin/python3");
  EXPECT_THAT(Find("python3.9"), StatusIs(absl::StatusCode::kNotFound,
                                          HasSubstr("no python3.9 in PATH")));
  EXPECT_THAT(Find(Path("nowhere/python")),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("which --python names. Check the path.")));
}

TEST_F(FindPythonTest, WhatIsNoEnvironmentOrNoProgramIsPassedOver) {
  const std::string in_path = Program("bin/python3");
  Program("project/venv/bin/python");  // without pyvenv.cfg
  dir_.Write("project/.venv/pyvenv.cfg", "");
  dir_.Write("project/.venv/bin/python", "");  // not executable
  Program("bin/pytest", "#!/bin/sh");
  env_.push_back(absl::StrCat("VIRTUAL_ENV=", Path("nowhere")));
  EXPECT_THAT(Find(), IsOkAndHolds(in_path));
}

// A virtual environment's Python knows by its own path whose it is.
TEST_F(FindPythonTest, ALinkIsNotFollowed) {
  const std::string real = Program("tools/python3.11");
  dir_.Write("project/.venv/pyvenv.cfg", "");
  std::filesystem::create_directories(Path("project/.venv/bin"));
  std::filesystem::create_symlink(real, Path("project/.venv/bin/python"));
  EXPECT_THAT(Find(), IsOkAndHolds(Path("project/.venv/bin/python")));
}

}  // namespace
}  // namespace paceline
