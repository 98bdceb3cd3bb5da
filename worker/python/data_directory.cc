#include "worker/python/data_directory.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr char kBoot[] = "python/paceline_worker/boot.py";

}  // namespace

absl::StatusOr<std::string> PythonBootScript() {
  std::vector<fs::path> places;
  if (const char* const named = std::getenv(kDataDirectoryVariable)) {
    places.emplace_back(named);
  } else {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path directory = program.parent_path();
    places.push_back(directory.parent_path() / "share/paceline");
    places.push_back(directory / "share/paceline");
  }
  std::vector<std::string> looked;
  for (const fs::path& place : places) {
    std::error_code error;
    if (fs::is_regular_file(place / kBoot, error)) {
      return (place / kBoot).string();
    }
    looked.push_back((place / kBoot).string());
  }
  return absl::NotFoundError(absl::StrCat(
      "The Python part of this program is not there: no ",
      absl::StrJoin(looked, ", no "),
      ". Install it whole (cmake --install), or say where it is with ",
      kDataDirectoryVariable, "."));
}

}  // namespace paceline
