#include "common/os/temp_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "common/os/remove_tree.h"
#include "tests/support/program.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class TempDirectoryTest : public testing::Test {
 protected:
  std::string Below(const std::string& name) const {
    return base_.path() + "/" + name;
  }
  void RemoveStaleAfter(std::chrono::seconds age) const {
    TempDirectory::RemoveStale(base_.path(),
                               std::chrono::system_clock::now() + age,
                               [] { return false; });
  }

  const ScratchDir base_;
};

TEST_F(TempDirectoryTest, ItIsRemovedWithAllThatIsInIt) {
  std::string path;
  {
    auto made = TempDirectory::Create(base_.path());
    ASSERT_THAT(made, IsOk());
    path = made->path();
    fs::create_directories(path + "/a/b");
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(TempDirectoryTest, WhereItCannotBeMadeTheBaseIsNamed) {
  EXPECT_THAT(TempDirectory::Create(Below("missing")),
              StatusIs(absl::StatusCode::kUnavailable,
                       testing::HasSubstr(Below("missing"))));
}

// An agent that was killed together with its warden, and a client that was
// killed while it listed, left theirs for ever.
TEST_F(TempDirectoryTest, WhatAKilledMakerLeftIsRemovedAMinuteLater) {
  fs::create_directories(Below("paceline-tmp-abcdef/1/left"));
  RemoveStaleAfter(std::chrono::seconds(10));
  EXPECT_TRUE(fs::exists(Below("paceline-tmp-abcdef")))
      << "it may be about to be locked";
  RemoveStaleAfter(std::chrono::seconds(70));
  EXPECT_FALSE(fs::exists(Below("paceline-tmp-abcdef")));
}

TEST_F(TempDirectoryTest, WhatSomebodyHasIsNotStaleHoweverOld) {
  auto made = TempDirectory::Create(base_.path());
  ASSERT_THAT(made, IsOk());
  RemoveStaleAfter(std::chrono::hours(24));
  EXPECT_TRUE(fs::exists(made->path()));
}

TEST_F(TempDirectoryTest, WhatIsMadeAgainIsLockedAgain) {
  auto made = TempDirectory::Create(base_.path());
  ASSERT_THAT(made, IsOk());
  EXPECT_FALSE(made->MakeAgain());
  fs::remove(made->path());
  EXPECT_TRUE(made->MakeAgain());
  RemoveStaleAfter(std::chrono::hours(24));
  EXPECT_TRUE(fs::exists(made->path()));
}

TEST_F(TempDirectoryTest, WhatIsNotSuchADirectoryStays) {
  fs::create_directories(Below("paceline-abcdef"));
  fs::create_directories(Below("other"));
  fs::create_directory_symlink(Below("other"), Below("paceline-tmp-linked"));
  base_.Write("paceline-tmp-filing", "text");
  RemoveStaleAfter(std::chrono::hours(24));
  for (const char* const name :
       {"paceline-abcdef", "other", "paceline-tmp-linked",
        "paceline-tmp-filing"}) {
    EXPECT_TRUE(fs::exists(Below(name))) << name;
  }
}

TEST(RemoveTreeTest, RightsThatATestTookAwayAreNoHindrance) {
  const ScratchDir scratch;
  const std::string path = scratch.path() + "/top";
  fs::create_directories(path + "/a/b");
  fs::permissions(path + "/a", fs::perms::none);
  fs::permissions(path, fs::perms::none);
  RemoveTree(path);
  EXPECT_FALSE(fs::exists(path));
}

TEST(RemoveTreeTest, ALinkInItsPlaceIsNotFollowed) {
  const ScratchDir scratch;
  scratch.Write("kept/file", "text");
  const std::string path = scratch.path() + "/top";
  fs::create_directory_symlink(scratch.path() + "/kept", path);
  RemoveTree(path);
  EXPECT_FALSE(fs::is_symlink(path));
  EXPECT_TRUE(fs::exists(scratch.path() + "/kept/file"));
}

}  // namespace
}  // namespace paceline
