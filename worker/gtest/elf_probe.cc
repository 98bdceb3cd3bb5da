#include "worker/gtest/elf_probe.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "worker/gtest/elf_file.h"

namespace paceline {
namespace {

bool Contains(absl::string_view bytes, absl::string_view text) {
  return memmem(bytes.data(), bytes.size(), text.data(), text.size()) !=
         nullptr;
}

bool HoldsItsText(absl::string_view segment) {
  // Put together here, so that this program is not taken for a test program
  // itself.
  static const std::string help =
      absl::StrCat("This program contains ", "tests written using ");
  static const std::string flag = absl::StrCat("gtest_", "list_tests");
  return Contains(segment, help) && Contains(segment, flag);
}

bool NeedsItsLibrary(const ElfFile& file) {
  const std::optional<ElfDynamic> dynamic = file.Dynamic();
  return dynamic.has_value() &&
         std::any_of(dynamic->needed.begin(), dynamic->needed.end(),
                     [](absl::string_view name) {
                       return absl::StartsWith(name, "libgtest") ||
                              absl::StartsWith(name, "libgmock");
                     });
}

}  // namespace

bool HoldsGoogleTest(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) {
    return false;
  }
  const std::optional<ElfFile> file = ElfFile::Open(path);
  if (!file.has_value()) {
    return false;
  }
  if (!file->is_native()) {
    return HoldsItsText(file->bytes());
  }
  // What is loaded only: the debug information of a large program is many
  // times its size.
  const std::vector<absl::string_view> segments = file->LoadedSegments();
  return std::any_of(segments.begin(), segments.end(), HoldsItsText) ||
         NeedsItsLibrary(*file);
}

}  // namespace paceline
