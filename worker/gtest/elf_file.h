// An ELF file, as much of it as this runner looks at.
//
// Mapped, never copied or loaded. Every offset and every size in it is
// somebody else's word, so each is checked against the file's end before it is
// followed. Of 64-bit files in this machine's byte order only; of others, the
// bytes.

#ifndef PACELINE_WORKER_GTEST_ELF_FILE_H_
#define PACELINE_WORKER_GTEST_ELF_FILE_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace paceline {

// What the dynamic loader is told. The views are into the file.
struct ElfDynamic {
  std::vector<absl::string_view> needed;  // DT_NEEDED
  absl::string_view rpath;                // DT_RPATH
  absl::string_view runpath;              // DT_RUNPATH
};

// The linker's own table of names (.symtab), which stripping removes.
struct ElfSymbols {
  absl::string_view names;  // each ended by NUL
  // Whether names that only one object file knew are still there; the linker
  // itself puts some of functions into every program.
  bool has_local_functions = false;
};

class ElfFile {
 public:
  // Nothing if `path` is no regular file that begins like ELF.
  static std::optional<ElfFile> Open(const std::string& path);
  ElfFile(ElfFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  ElfFile& operator=(ElfFile&&) = delete;
  ~ElfFile();

  absl::string_view bytes() const {
    return {static_cast<const char*>(data_), size_};
  }
  // Whether the methods below can say anything.
  bool is_native() const;

  // The bytes of each loaded segment.
  std::vector<absl::string_view> LoadedSegments() const;
  // Empty for a static program; nothing if it is not whole.
  std::optional<ElfDynamic> Dynamic() const;
  // Nothing if there is none, or it is not whole.
  std::optional<ElfSymbols> Symbols() const;

 private:
  ElfFile(void* data, std::size_t size) : data_(data), size_(size) {}

  template <typename T>
  std::optional<T> ReadAt(std::uint64_t offset) const;
  // The part of the file at `offset`, cut where the file ends.
  absl::string_view Part(std::uint64_t offset, std::uint64_t size) const;
  std::vector<Elf64_Phdr> Segments() const;
  // Where in the file is what is loaded at `address`.
  std::optional<std::uint64_t> OffsetOf(std::uint64_t address) const;
  std::optional<Elf64_Shdr> Section(std::uint64_t index) const;
  std::uint64_t SectionCount() const;

  void* data_;
  std::size_t size_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_ELF_FILE_H_
