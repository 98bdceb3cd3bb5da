// Programs with GoogleTest in them, told from others without running them.

#include "worker/gtest/elf_probe.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstddef>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "tests/unit/gtest/elf_builder.h"

namespace paceline {
namespace {

// In pieces: this test is itself a program that is looked at.
std::string ItsText() {
  return absl::StrCat("This program contains ", "tests written using Google",
                      " Test.", absl::string_view("\0", 1), "gtest_",
                      "list_tests");
}

class ElfProbeTest : public testing::Test {
 protected:
  bool Holds(absl::string_view bytes, mode_t mode = 0755) const {
    const std::string path =
        dir_.Write(absl::StrCat("program", ++files_), bytes);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return HoldsGoogleTest(path);
  }
  static ElfContent Text(std::string text) {
    ElfContent content;
    content.text = std::move(text);
    return content;
  }
  static ElfContent Needs(const std::string& library) {
    ElfContent content;
    content.needed = {"libc.so.6", library};
    return content;
  }

  const ScratchDir dir_;
  mutable int files_ = 0;
};

TEST_F(ElfProbeTest, AProgramWithItsTextHoldsIt) {
  EXPECT_TRUE(Holds(ElfBuilder::Build(Text(ItsText()))));
}

TEST_F(ElfProbeTest, HalfOfTheTextIsNotEnough) {
  EXPECT_FALSE(Holds(ElfBuilder::Build(Text("gtest_list_tests"))));
  EXPECT_FALSE(Holds(
      ElfBuilder::Build(Text("This program contains tests written using"))));
  EXPECT_FALSE(Holds(ElfBuilder::Build(Text("nothing"))));
}

TEST_F(ElfProbeTest, AProgramThatNeedsItsLibraryHoldsIt) {
  for (const char* library :
       {"libgtest.so", "libgtest.so.1.12.1", "libgtest_main.so.1.12.1",
        "libgmock.so.1.12.1", "libgmock_main.so"}) {
    EXPECT_TRUE(Holds(ElfBuilder::Build(Needs(library)))) << library;
  }
  for (const char* library : {"libgtes.so", "mylibgtest.so", "libc.so", ""}) {
    EXPECT_FALSE(Holds(ElfBuilder::Build(Needs(library)))) << library;
  }
}

// The debug information of a large program is many times its size.
TEST_F(ElfProbeTest, TextThatIsNotLoadedDoesNotCount) {
  EXPECT_FALSE(Holds(ElfBuilder::Build(Text("")) + ItsText()));
}

TEST_F(ElfProbeTest, AProgramOf32BitsIsSearchedWhole) {
  std::string file = ElfBuilder::Build(Text(ItsText()));
  file[EI_CLASS] = ELFCLASS32;
  EXPECT_TRUE(Holds(file));
}

TEST_F(ElfProbeTest, WhatIsNoProgramDoesNotHoldIt) {
  EXPECT_FALSE(Holds(ElfBuilder::Build(Text(ItsText())), 0644));
  EXPECT_FALSE(Holds(absl::StrCat("#!/bin/sh\n# ", ItsText())));
  EXPECT_FALSE(Holds(""));
  EXPECT_FALSE(
      Holds("\x7f"
            "ELF"));
  EXPECT_FALSE(HoldsGoogleTest(dir_.path()));
  EXPECT_FALSE(HoldsGoogleTest(dir_.path() + "/none"));
  EXPECT_FALSE(HoldsGoogleTest("/dev/null"));
  const std::string pipe = dir_.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0755), 0);
  EXPECT_FALSE(HoldsGoogleTest(pipe));
}

TEST_F(ElfProbeTest, AnyBytesAreSurvived) {
  ElfContent content = Needs("libgtest.so");
  content.text = "text";
  const std::string whole = ElfBuilder::Build(content);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Holds(absl::string_view(whole).substr(0, size));
  }
  std::minstd_rand random(9);
  for (int round = 0; round < 300; ++round) {
    std::string file = whole;
    for (int i = 0; i < 8; ++i) {
      file[SELFMAG + random() % (file.size() - SELFMAG)] =
          static_cast<char>(random());
    }
    Holds(file);
  }
}

}  // namespace
}  // namespace paceline
