#include "worker/gtest/suite_setup.h"

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "worker/gtest/elf_file.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Of one program, its libraries included: names are read at about 1 GB/s.
constexpr std::uint64_t kMaxNames = std::uint64_t{256} << 20;
constexpr std::size_t kMaxLibraries = 1024;
// Files that are looked for, over all.
constexpr int kMaxLookups = 1 << 16;

// How the C++ ABI spells a member function without parameters: "…" is its
// class, "E" ends its name. `tail` is what is looked for; one of the others
// stands before it.
struct Spelling {
  absl::string_view tail;
  absl::string_view set_up;
  absl::string_view tear_down;
};
constexpr Spelling kSpellings[] = {
    {"TestSuiteE", "14SetUp", "17TearDown"},
    {"TestCaseE", "13SetUp", "16TearDown"},  // before version 1.10
};
constexpr absl::string_view kOfGoogleTest = "_ZN7testing4Test";

bool Names(absl::string_view names, const Spelling& spelling) {
  std::size_t begin = 0;  // of the name that the search is in
  std::size_t from = 0;
  for (;;) {
    const void* found = memmem(names.data() + from, names.size() - from,
                               spelling.tail.data(), spelling.tail.size());
    if (found == nullptr) {
      return false;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) -
                                             names.data());
    const std::size_t last_end = names.substr(from, at - from).rfind('\0');
    if (last_end != absl::string_view::npos) {
      begin = from + last_end + 1;
    }
    const absl::string_view head = names.substr(begin, at - begin);
    if ((absl::EndsWith(head, spelling.set_up) ||
         absl::EndsWith(head, spelling.tear_down)) &&
        !absl::StartsWith(head, kOfGoogleTest)) {
      return true;
    }
    from = at + spelling.tail.size();
  }
}

// Where the system keeps libraries, on Debian in directories named after the
// architecture too.
constexpr absl::string_view kSystemRoots[] = {"/lib", "/usr/lib",
                                              "/usr/local/lib"};
constexpr absl::string_view kSystemParts[] = {
    "",
    "64",
#if defined(__x86_64__)
    "/x86_64-linux-gnu",
#elif defined(__aarch64__)
    "/aarch64-linux-gnu",
#endif
};

bool IsOfSystem(const fs::path& file) {
  const std::string path = file.lexically_normal().string();
  for (const absl::string_view root : kSystemRoots) {
    if (absl::StartsWith(path, absl::StrCat(root, "/")) ||
        absl::StartsWith(path, absl::StrCat(root, "64/"))) {
      return true;
    }
  }
  return false;
}

bool SystemHas(absl::string_view name) {
  for (const absl::string_view root : kSystemRoots) {
    for (const absl::string_view part : kSystemParts) {
      std::error_code error;
      if (fs::exists(absl::StrCat(root, part, "/", name), error)) {
        return true;
      }
    }
  }
  return false;
}

// The absolute directories of a run path in the file at `origin`.
std::vector<std::string> Directories(absl::string_view run_path,
                                     const fs::path& origin) {
  const std::string here = origin.parent_path().string();
  std::vector<std::string> directories;
  for (const absl::string_view entry :
       absl::StrSplit(run_path, ':', absl::SkipEmpty())) {
    std::string directory =
        absl::StrReplaceAll(entry, {{"$ORIGIN", here}, {"${ORIGIN}", here}});
    // What else the loader would put in, or look for from where it is started,
    // is not guessed.
    if (absl::StartsWith(directory, "/") &&
        !absl::StrContains(directory, "$")) {
      directories.push_back(std::move(directory));
    }
  }
  return directories;
}

// A program and those of its libraries that are not the system's.
class Search {
 public:
  SuiteSetUp Run(const fs::path& program);

 private:
  struct Wanted {
    fs::path path;
    // Those of DT_RPATH, unlike those of DT_RUNPATH, are for the libraries of
    // libraries too.
    std::vector<std::string> inherited;
  };

  SuiteSetUp Judge(const Wanted& wanted);
  // False when it cannot be told where `name` comes from.
  bool Want(absl::string_view name, const std::vector<std::string>& directories,
            const std::vector<std::string>& inherited);
  bool Add(const fs::path& path, const std::vector<std::string>& inherited);

  std::deque<Wanted> wanted_;
  std::set<std::string> seen_;
  std::uint64_t names_ = 0;
  int lookups_ = 0;
};

SuiteSetUp Search::Run(const fs::path& program) {
  Add(program, {});
  bool known = true;
  while (!wanted_.empty()) {
    const Wanted next = std::move(wanted_.front());
    wanted_.pop_front();
    switch (Judge(next)) {
      case SuiteSetUp::kSome:
        return SuiteSetUp::kSome;
      case SuiteSetUp::kUnknown:
        known = false;
        break;
      case SuiteSetUp::kNone:
        break;
    }
  }
  return known ? SuiteSetUp::kNone : SuiteSetUp::kUnknown;
}

SuiteSetUp Search::Judge(const Wanted& wanted) {
  const std::optional<ElfFile> file = ElfFile::Open(wanted.path.string());
  if (!file.has_value()) {
    return SuiteSetUp::kUnknown;
  }
  bool known = true;
  if (const std::optional<ElfDynamic> dynamic = file->Dynamic();
      file->is_native() && dynamic.has_value()) {
    const bool has_runpath = !dynamic->runpath.empty();
    std::vector<std::string> directories = Directories(
        has_runpath ? dynamic->runpath : dynamic->rpath, wanted.path);
    std::vector<std::string> inherited = wanted.inherited;
    if (!has_runpath) {
      inherited.insert(inherited.begin(), directories.begin(),
                       directories.end());
      directories = inherited;
    }
    for (const absl::string_view name : dynamic->needed) {
      known = Want(name, directories, inherited) && known;
    }
  } else {
    known = false;
  }
  const std::optional<ElfSymbols> symbols = file->Symbols();
  if (!symbols.has_value()) {
    return SuiteSetUp::kUnknown;
  }
  names_ += symbols->names.size();
  if (names_ > kMaxNames) {
    return SuiteSetUp::kUnknown;
  }
  if (NamesSuiteSetUp(symbols->names)) {
    return SuiteSetUp::kSome;
  }
  // Fixtures in an anonymous namespace are local.
  return known && symbols->has_local_functions ? SuiteSetUp::kNone
                                               : SuiteSetUp::kUnknown;
}

bool Search::Want(absl::string_view name,
                  const std::vector<std::string>& directories,
                  const std::vector<std::string>& inherited) {
  if (absl::StrContains(name, "/")) {
    if (!absl::StartsWith(name, "/")) {
      return false;
    }
    return IsOfSystem(std::string(name)) || Add(std::string(name), inherited);
  }
  for (const std::string& directory : directories) {
    if (++lookups_ > kMaxLookups) {
      return false;
    }
    const fs::path path = fs::path(directory) / std::string(name);
    std::error_code error;
    if (fs::exists(path, error)) {
      return IsOfSystem(path) || Add(path, inherited);
    }
  }
  return ++lookups_ <= kMaxLookups && SystemHas(name);
}

bool Search::Add(const fs::path& path,
                 const std::vector<std::string>& inherited) {
  if (!seen_.insert(path.lexically_normal().string()).second) {
    return true;
  }
  if (seen_.size() > kMaxLibraries) {
    return false;
  }
  wanted_.push_back({path, inherited});
  return true;
}

}  // namespace

bool NamesSuiteSetUp(absl::string_view names) {
  return !names.empty() &&
         std::any_of(std::begin(kSpellings), std::end(kSpellings),
                     [names](const Spelling& spelling) {
                       return Names(names, spelling);
                     });
}

SuiteSetUp FindSuiteSetUp(const std::string& program) {
  std::error_code error;
  // The loader's $ORIGIN is where the program really is.
  return Search().Run(fs::canonical(program, error));
}

}  // namespace paceline
