// Whether suites share set-up, read from programs that were made up.

#include "worker/gtest/suite_setup.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "tests/unit/gtest/elf_builder.h"

namespace paceline {

void PrintTo(SuiteSetUp found, std::ostream* out) {
  *out << (found == SuiteSetUp::kNone   ? "none"
           : found == SuiteSetUp::kSome ? "some"
                                        : "unknown");
}

namespace {

constexpr char kFixture[] = "_ZN3Foo14SetUpTestSuiteEv";

TEST(NamesSuiteSetUpTest, FixturesAreToldFromGoogleTestsOwn) {
  struct {
    const char* name;
    bool is_fixtures;
  } constexpr kCases[] = {
      {"_ZN3Foo14SetUpTestSuiteEv", true},
      {"_ZN3Foo17TearDownTestSuiteEv", true},
      {"_ZN3Foo13SetUpTestCaseEv", true},
      {"_ZN3Foo16TearDownTestCaseEv", true},
      {"_ZN12_GLOBAL__N_13Foo14SetUpTestSuiteEv", true},
      {"_ZN9TypedTestIiE14SetUpTestSuiteEv", true},
      {"_ZZ4mainEN3Foo14SetUpTestSuiteEv", true},
      {"_ZN3Foo14SetUpTestSuiteEv.cold", true},
      {"_ZN3Foo14SetUpTestSuiteEv.lto_priv.0", true},
      {"_ZGVZN3Foo14SetUpTestSuiteEvE1x", true},  // a static in it
      // A fixture of the user's, wherever it is.
      {"_ZN2my4Test14SetUpTestSuiteEv", true},
      {"_ZN7testing5Tests14SetUpTestSuiteEv", true},
      // GoogleTest's own.
      {"_ZN7testing4Test14SetUpTestSuiteEv", false},
      {"_ZN7testing4Test17TearDownTestSuiteEv", false},
      {"_ZN7testing4Test13SetUpTestCaseEv", false},
      {"_ZN7testing4Test16TearDownTestCaseEv", false},
      {"_ZN7testing9TestSuite17RunSetUpTestSuiteEv", false},
      {"_ZN7testing9TestSuite20RunTearDownTestSuiteEv", false},
      {"_ZN7testing8internal12UnitTestImpl12GetTestSuiteEPKcS3_PFvvES5_",
       false},
      {"_ZN7testing17TestEventListener14OnTestSuiteEndERKNS_9TestSuiteE",
       false},
      // Other names.
      {"_ZN3Foo5SetUpEv", false},
      {"_ZN3Foo15SetUpTestSuitesEv", false},
      {"_ZN3Foo16MySetUpTestSuiteEv", false},
      {"SetUpTestSuite", false},
      {"14SetUpTestSuite", false},
      {"TestSuiteE", false},
      {"", false},
  };
  for (const auto& test : kCases) {
    const std::string names = absl::StrCat(
        absl::string_view("\0first\0", 7), test.name,
        absl::string_view("\0_ZN7testing4Test14SetUpTestSuiteEv\0", 36));
    EXPECT_EQ(NamesSuiteSetUp(names), test.is_fixtures) << test.name;
  }
}

TEST(NamesSuiteSetUpTest, OneNameDoesNotHideAnother) {
  const std::string own = "_ZN7testing4Test14SetUpTestSuiteEv";
  std::string names(1, '\0');
  for (int i = 0; i < 1000; ++i) {
    names += own + '\0';
  }
  EXPECT_FALSE(NamesSuiteSetUp(names));
  EXPECT_TRUE(NamesSuiteSetUp(names + kFixture));
  EXPECT_TRUE(NamesSuiteSetUp(kFixture + names));
}

// One name of a megabyte that looks like GoogleTest's own all along: no time
// that grows with the square.
TEST(NamesSuiteSetUpTest, ATableWithoutEndsIsSearchedOnce) {
  std::string names;
  while (names.size() < 1'000'000) {
    names += "_ZN7testing4Test14SetUpTestSuiteEv";
  }
  EXPECT_FALSE(NamesSuiteSetUp(names));
}

class SuiteSetUpTest : public testing::Test {
 protected:
  std::string Write(absl::string_view name, const ElfContent& content) const {
    return dir_.Write(name, ElfBuilder::Build(content));
  }
  static ElfContent Functions(std::vector<std::string> names) {
    ElfContent content;
    content.functions = std::move(names);
    return content;
  }
  static ElfContent Stripped() {
    ElfContent content;
    content.functions.reset();
    return content;
  }
  // A program without fixtures that needs `names`, by `run_path`.
  static ElfContent Needs(std::vector<std::string> names,
                          std::string run_path) {
    ElfContent content = Functions({"main"});
    content.needed = std::move(names);
    content.runpath = std::move(run_path);
    return content;
  }
  SuiteSetUp Find(const ElfContent& program) const {
    return FindSuiteSetUp(Write("bin/program", program));
  }

  const ScratchDir dir_;
};

TEST_F(SuiteSetUpTest, AProgramWithoutFixturesHasNone) {
  EXPECT_EQ(Find(Functions({"main", "_ZN7testing4Test14SetUpTestSuiteEv"})),
            SuiteSetUp::kNone);
}

TEST_F(SuiteSetUpTest, AFixtureInTheProgramIsFound) {
  for (const char* name :
       {kFixture, "_ZN3Foo17TearDownTestSuiteEv", "_ZN3Foo13SetUpTestCaseEv",
        "_ZN3Foo16TearDownTestCaseEv"}) {
    EXPECT_EQ(Find(Functions({"main", name})), SuiteSetUp::kSome) << name;
  }
}

TEST_F(SuiteSetUpTest, OfAStrippedProgramNothingIsKnown) {
  EXPECT_EQ(Find(Stripped()), SuiteSetUp::kUnknown);
}

// strip -x: fixtures in an anonymous namespace are gone.
TEST_F(SuiteSetUpTest, OfAProgramWithoutItsLocalNamesNothingIsKnown) {
  ElfContent content = Functions({"main"});
  content.has_local_functions = false;
  EXPECT_EQ(Find(content), SuiteSetUp::kUnknown);
  content.functions = {"main", kFixture};
  EXPECT_EQ(Find(content), SuiteSetUp::kSome);
}

TEST_F(SuiteSetUpTest, OfWhatIsNoProgramNothingIsKnown) {
  EXPECT_EQ(FindSuiteSetUp(dir_.path() + "/none"), SuiteSetUp::kUnknown);
  EXPECT_EQ(FindSuiteSetUp(dir_.path()), SuiteSetUp::kUnknown);
  EXPECT_EQ(FindSuiteSetUp("/dev/zero"), SuiteSetUp::kUnknown);
  EXPECT_EQ(FindSuiteSetUp(dir_.Write("empty", "")), SuiteSetUp::kUnknown);
  EXPECT_EQ(FindSuiteSetUp(dir_.Write("script", "#!/bin/sh\nexec prog\n")),
            SuiteSetUp::kUnknown);
  EXPECT_EQ(FindSuiteSetUp(dir_.Write("short",
                                      "\x7f"
                                      "ELF\x02\x01")),
            SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, OfOtherMachinesProgramsNothingIsKnown) {
  std::string file = ElfBuilder::Build(Functions({"main"}));
  file[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(FindSuiteSetUp(dir_.Write("small", file)), SuiteSetUp::kUnknown);
  file[EI_CLASS] = ELFCLASS64;
  file[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(FindSuiteSetUp(dir_.Write("other", file)), SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, AFixtureInALibraryOfTheProjectIsFound) {
  Write("lib/libmine.so", Functions({kFixture}));
  EXPECT_EQ(Find(Needs({"libmine.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kSome);
}

TEST_F(SuiteSetUpTest, ALibraryWithoutFixturesIsNoHindrance) {
  Write("lib/libmine.so", Functions({"_Z3foov"}));
  EXPECT_EQ(Find(Needs({"libmine.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kNone);
}

TEST_F(SuiteSetUpTest, AStrippedLibraryOfTheProjectLeavesItOpen) {
  Write("lib/libmine.so", Stripped());
  EXPECT_EQ(Find(Needs({"libmine.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, AnOpenQuestionDoesNotHideAFixture) {
  Write("lib/libmine.so", Stripped());
  Write("lib/libother.so", Functions({kFixture}));
  EXPECT_EQ(Find(Needs({"libmine.so", "libother.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kSome);
}

TEST_F(SuiteSetUpTest, ALibraryThatIsNotFoundLeavesItOpen) {
  EXPECT_EQ(Find(Needs({"libpaceline-has-none-of-this-name.so"}, "")),
            SuiteSetUp::kUnknown);
  EXPECT_EQ(Find(Needs({"libmine.so"}, dir_.path() + "/nowhere")),
            SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, TheSystemsLibrariesAreNotAskedAbout) {
  EXPECT_EQ(Find(Needs({"libc.so.6", "libm.so.6"}, "")), SuiteSetUp::kNone);
}

TEST_F(SuiteSetUpTest, ALibraryByItsPathIsFollowed) {
  const std::string library = Write("lib/libmine.so", Functions({kFixture}));
  EXPECT_EQ(Find(Needs({library}, "")), SuiteSetUp::kSome);
  EXPECT_EQ(Find(Needs({"/lib/libmine.so"}, "")), SuiteSetUp::kNone);
  // From wherever it is started.
  EXPECT_EQ(Find(Needs({"lib/libmine.so"}, "")), SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, AnOriginIsWhereTheFileReallyIs) {
  Write("lib/libmine.so", Functions({kFixture}));
  for (const char* path : {"$ORIGIN/../lib", "${ORIGIN}/../lib",
                           "/nowhere:$ORIGIN/../lib", ":$ORIGIN/../lib:"}) {
    EXPECT_EQ(Find(Needs({"libmine.so"}, path)), SuiteSetUp::kSome) << path;
  }
  std::filesystem::create_directory(dir_.path() + "/links");
  const std::string link = dir_.path() + "/links/program";
  std::filesystem::create_symlink(dir_.path() + "/bin/program", link);
  EXPECT_EQ(FindSuiteSetUp(link), SuiteSetUp::kSome);
}

TEST_F(SuiteSetUpTest, ARunPathThatDependsOnTheLoaderIsNotGuessed) {
  Write("lib/libmine.so", Functions({"_Z3foov"}));
  for (const char* path : {"$LIB", "lib", ".", "$ORIGIN/$PLATFORM"}) {
    EXPECT_EQ(Find(Needs({"libmine.so"}, path)), SuiteSetUp::kUnknown) << path;
  }
}

TEST_F(SuiteSetUpTest, TheFirstDirectoryThatHasTheLibraryHolds) {
  Write("one/libmine.so", Functions({"_Z3foov"}));
  Write("two/libmine.so", Functions({kFixture}));
  EXPECT_EQ(
      Find(Needs({"libmine.so"},
                 absl::StrCat(dir_.path(), "/one:", dir_.path(), "/two"))),
      SuiteSetUp::kNone);
  EXPECT_EQ(
      Find(Needs({"libmine.so"},
                 absl::StrCat(dir_.path(), "/two:", dir_.path(), "/one"))),
      SuiteSetUp::kSome);
}

TEST_F(SuiteSetUpTest, LibrariesOfLibrariesAreFollowed) {
  Write("lib/libinner.so", Functions({kFixture}));
  Write("lib/libouter.so", Needs({"libinner.so"}, "$ORIGIN"));
  EXPECT_EQ(Find(Needs({"libouter.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kSome);
}

// As the loader does: DT_RPATH is for libraries of libraries, DT_RUNPATH not.
TEST_F(SuiteSetUpTest, AnOldRunPathIsInherited) {
  Write("lib/libinner.so", Functions({kFixture}));
  Write("lib/libouter.so", Needs({"libinner.so"}, ""));
  ElfContent program = Needs({"libouter.so"}, "");
  program.rpath = dir_.path() + "/lib";
  EXPECT_EQ(Find(program), SuiteSetUp::kSome);
  EXPECT_EQ(Find(Needs({"libouter.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, LibrariesThatNeedEachOtherAreReadOnce) {
  Write("lib/libone.so", Needs({"libtwo.so"}, "$ORIGIN"));
  Write("lib/libtwo.so", Needs({"libone.so", "libtwo.so"}, "$ORIGIN/../lib"));
  EXPECT_EQ(Find(Needs({"libone.so"}, dir_.path() + "/lib")),
            SuiteSetUp::kNone);
}

TEST_F(SuiteSetUpTest, MoreLibrariesThanAProgramHasAreNotFollowed) {
  std::vector<std::string> names;
  for (int i = 0; i < 1100; ++i) {
    names.push_back(absl::StrCat("lib", i, ".so"));
    Write("lib/" + names.back(), Functions({"_Z3foov"}));
  }
  EXPECT_EQ(Find(Needs(names, dir_.path() + "/lib")), SuiteSetUp::kUnknown);
}

TEST_F(SuiteSetUpTest, ALongRunPathIsBounded) {
  std::string path;
  for (int i = 0; i < 100'000; ++i) {
    path += "/nowhere:";
  }
  EXPECT_EQ(Find(Needs(std::vector<std::string>(4000, "libmine.so"), path)),
            SuiteSetUp::kUnknown);
}

// More than linkers write: nobody waits for that.
TEST_F(SuiteSetUpTest, ATableThatIsTooLargeIsNotRead) {
  std::string file = ElfBuilder::Build(Functions({"main", kFixture}));
  Elf64_Ehdr header{};
  std::memcpy(&header, file.data(), sizeof(header));
  Elf64_Shdr names{};
  char* const at = file.data() + header.e_shoff + sizeof(names);
  std::memcpy(&names, at, sizeof(names));
  names.sh_size = std::uint64_t{300} << 20;
  std::memcpy(at, &names, sizeof(names));
  const std::string path = dir_.Write("large", file);
  // A hole: it takes no room.
  std::filesystem::resize_file(path, names.sh_offset + names.sh_size);
  EXPECT_EQ(FindSuiteSetUp(path), SuiteSetUp::kUnknown);
}

// The section headers are last: what is cut has lost them, or what they say.
TEST_F(SuiteSetUpTest, OfATruncatedFileNothingIsKnown) {
  ElfContent content = Functions({"main", kFixture});
  content.needed = {"libc.so.6"};
  const std::string whole = ElfBuilder::Build(content);
  ASSERT_EQ(FindSuiteSetUp(dir_.Write("whole", whole)), SuiteSetUp::kSome);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_EQ(FindSuiteSetUp(
                  dir_.Write(absl::StrCat("cut", size), whole.substr(0, size))),
              SuiteSetUp::kUnknown)
        << size;
  }
}

TEST_F(SuiteSetUpTest, AnyBytesAreSurvived) {
  ElfContent content = Needs({"libmine.so", "libc.so.6"}, "$ORIGIN");
  content.functions = {"main", kFixture};
  const std::string whole = ElfBuilder::Build(content);
  int files = 0;
  const auto find = [&](const std::string& bytes) {
    FindSuiteSetUp(dir_.Write(absl::StrCat("hostile", ++files), bytes));
  };
  for (std::size_t at = SELFMAG; at < whole.size(); ++at) {
    std::string file = whole;
    file[at] = '\xff';
    find(file);
  }
  std::minstd_rand random(3);
  for (int round = 0; round < 300; ++round) {
    std::string file = whole;
    for (int i = 0; i < 8; ++i) {
      file[SELFMAG + random() % (file.size() - SELFMAG)] =
          static_cast<char>(random());
    }
    find(file);
  }
}

}  // namespace
}  // namespace paceline
