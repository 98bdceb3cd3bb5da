#include "worker/gtest/elf_probe.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/fd.h"

namespace paceline {
namespace {

// A file in memory, read-only. Truncating it meanwhile would be SIGBUS; a test
// program that is being linked is no executable file yet.
class MappedFile {
 public:
  static std::optional<MappedFile> Open(const std::string& path) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size <= 0) {
      return std::nullopt;
    }
    const auto size = static_cast<std::size_t>(info.st_size);
    void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (data == MAP_FAILED) {
      return std::nullopt;
    }
    return MappedFile(data, size);
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) {
      munmap(data_, size_);
    }
  }

  absl::string_view bytes() const {
    return {static_cast<const char*>(data_), size_};
  }

 private:
  MappedFile(void* data, std::size_t size) : data_(data), size_(size) {}

  void* data_;
  std::size_t size_;
};

// `count` entries of type T at `offset`; fewer where the file ends.
template <typename T>
std::vector<T> ReadTable(absl::string_view file, std::uint64_t offset,
                         std::uint64_t count) {
  std::vector<T> table;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (offset > file.size() || file.size() - offset < sizeof(T)) {
      break;
    }
    T entry;
    std::memcpy(&entry, file.data() + offset, sizeof(T));
    table.push_back(entry);
    offset += sizeof(T);
  }
  return table;
}

absl::string_view Part(absl::string_view file, std::uint64_t offset,
                       std::uint64_t size) {
  return offset > file.size() ? absl::string_view() : file.substr(offset, size);
}

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

// The file's offset of what is loaded at `address`.
std::optional<std::uint64_t> OffsetOf(const std::vector<Elf64_Phdr>& headers,
                                      std::uint64_t address) {
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_LOAD && address >= header.p_vaddr &&
        address - header.p_vaddr < header.p_filesz) {
      return header.p_offset + (address - header.p_vaddr);
    }
  }
  return std::nullopt;
}

bool NeedsItsLibrary(absl::string_view file,
                     const std::vector<Elf64_Phdr>& headers,
                     const Elf64_Phdr& dynamic) {
  constexpr std::uint64_t kMaxEntries = 4096;
  const auto entries = ReadTable<Elf64_Dyn>(
      file, dynamic.p_offset,
      std::min(dynamic.p_filesz / sizeof(Elf64_Dyn), kMaxEntries));
  std::optional<std::uint64_t> strings;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_STRTAB) {
      strings = OffsetOf(headers, entry.d_un.d_ptr);
    }
  }
  if (!strings.has_value()) {
    return false;
  }
  return std::any_of(
      entries.begin(), entries.end(), [&](const Elf64_Dyn& entry) {
        if (entry.d_tag != DT_NEEDED || entry.d_un.d_val > file.size()) {
          return false;
        }
        const absl::string_view name =
            Part(file, *strings + entry.d_un.d_val, 16);
        return absl::StartsWith(name, "libgtest") ||
               absl::StartsWith(name, "libgmock");
      });
}

}  // namespace

bool HoldsGoogleTest(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) {
    return false;
  }
  const std::optional<MappedFile> mapped = MappedFile::Open(path);
  if (!mapped.has_value()) {
    return false;
  }
  const absl::string_view file = mapped->bytes();
  const auto header = ReadTable<Elf64_Ehdr>(file, 0, 1);
  if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) {
    return false;
  }
  if (header[0].e_ident[EI_CLASS] != ELFCLASS64) {
    return HoldsItsText(file);
  }
  const auto segments =
      ReadTable<Elf64_Phdr>(file, header[0].e_phoff, header[0].e_phnum);
  // What is loaded only: the debug information of a large program is many
  // times its size.
  return std::any_of(
      segments.begin(), segments.end(), [&](const Elf64_Phdr& segment) {
        return (segment.p_type == PT_LOAD &&
                HoldsItsText(Part(file, segment.p_offset, segment.p_filesz))) ||
               (segment.p_type == PT_DYNAMIC &&
                NeedsItsLibrary(file, segments, segment));
      });
}

}  // namespace paceline
