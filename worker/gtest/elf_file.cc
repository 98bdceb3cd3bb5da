#include "worker/gtest/elf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/fd.h"

namespace paceline {
namespace {

// More than linkers write; a file that claims more is not believed.
constexpr std::uint64_t kMaxDynamicEntries = 4096;
constexpr std::uint64_t kMaxSections = std::uint64_t{1} << 16;

constexpr unsigned char kNativeData =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

}  // namespace

std::optional<ElfFile> ElfFile::Open(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_size < static_cast<off_t>(sizeof(Elf64_Ehdr))) {
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  // Truncating it meanwhile would be SIGBUS; a test program that is being
  // linked is no executable file yet.
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return std::nullopt;
  }
  ElfFile file(data, size);
  if (std::memcmp(data, ELFMAG, SELFMAG) != 0) {
    return std::nullopt;
  }
  return file;
}

ElfFile::~ElfFile() {
  if (data_ != nullptr) {
    munmap(data_, size_);
  }
}

bool ElfFile::is_native() const {
  return bytes()[EI_CLASS] == ELFCLASS64 &&
         static_cast<unsigned char>(bytes()[EI_DATA]) == kNativeData;
}

template <typename T>
std::optional<T> ElfFile::ReadAt(std::uint64_t offset) const {
  if (offset > size_ || size_ - offset < sizeof(T)) {
    return std::nullopt;
  }
  T entry;
  std::memcpy(&entry, bytes().data() + offset, sizeof(T));
  return entry;
}

absl::string_view ElfFile::Part(std::uint64_t offset,
                                std::uint64_t size) const {
  return bytes().substr(std::min<std::uint64_t>(offset, size_), size);
}

std::vector<Elf64_Phdr> ElfFile::Segments() const {
  std::vector<Elf64_Phdr> segments;
  const auto header = ReadAt<Elf64_Ehdr>(0);
  if (!is_native() || !header.has_value() || header->e_phoff > size_) {
    return segments;
  }
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment =
        ReadAt<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment.has_value()) {
      break;
    }
    segments.push_back(*segment);
  }
  return segments;
}

std::vector<absl::string_view> ElfFile::LoadedSegments() const {
  std::vector<absl::string_view> loaded;
  for (const Elf64_Phdr& segment : Segments()) {
    if (segment.p_type == PT_LOAD) {
      loaded.push_back(Part(segment.p_offset, segment.p_filesz));
    }
  }
  return loaded;
}

std::optional<std::uint64_t> ElfFile::OffsetOf(std::uint64_t address) const {
  for (const Elf64_Phdr& segment : Segments()) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr <
            std::min<std::uint64_t>(segment.p_filesz, size_) &&
        segment.p_offset <= size_) {
      return segment.p_offset + (address - segment.p_vaddr);
    }
  }
  return std::nullopt;
}

std::optional<ElfDynamic> ElfFile::Dynamic() const {
  const std::vector<Elf64_Phdr> segments = Segments();
  const auto dynamic =
      std::find_if(segments.begin(), segments.end(),
                   [](const Elf64_Phdr& s) { return s.p_type == PT_DYNAMIC; });
  ElfDynamic told;
  if (dynamic == segments.end()) {
    return told;
  }
  // Names come as offsets into a table that is named among them.
  std::vector<Elf64_Dyn> named;
  std::optional<std::uint64_t> strings;
  for (std::uint64_t i = 0;; ++i) {
    if (dynamic->p_offset > size_ || i == kMaxDynamicEntries) {
      return std::nullopt;
    }
    if (i == dynamic->p_filesz / sizeof(Elf64_Dyn)) {
      break;
    }
    const auto entry =
        ReadAt<Elf64_Dyn>(dynamic->p_offset + i * sizeof(Elf64_Dyn));
    if (!entry.has_value()) {
      return std::nullopt;
    }
    if (entry->d_tag == DT_NULL) {
      break;
    }
    if (entry->d_tag == DT_STRTAB) {
      strings = OffsetOf(entry->d_un.d_ptr);
    } else if (entry->d_tag == DT_NEEDED || entry->d_tag == DT_RPATH ||
               entry->d_tag == DT_RUNPATH) {
      named.push_back(*entry);
    }
  }
  for (const Elf64_Dyn& entry : named) {
    if (!strings.has_value() || entry.d_un.d_val > size_) {
      return std::nullopt;
    }
    absl::string_view name = Part(*strings + entry.d_un.d_val, size_);
    const std::size_t end = name.find('\0');
    if (end == absl::string_view::npos) {
      return std::nullopt;
    }
    name = name.substr(0, end);
    if (entry.d_tag == DT_NEEDED) {
      told.needed.push_back(name);
    } else if (entry.d_tag == DT_RPATH) {
      told.rpath = name;
    } else {
      told.runpath = name;
    }
  }
  return told;
}

std::uint64_t ElfFile::SectionCount() const {
  const auto header = ReadAt<Elf64_Ehdr>(0);
  if (!is_native() || !header.has_value() || header->e_shoff == 0) {
    return 0;
  }
  if (header->e_shnum != 0) {
    return header->e_shnum;
  }
  // Too many for the field: the first section's size is their number.
  const auto first = ReadAt<Elf64_Shdr>(header->e_shoff);
  return first.has_value() ? first->sh_size : 0;
}

std::optional<Elf64_Shdr> ElfFile::Section(std::uint64_t index) const {
  const auto header = ReadAt<Elf64_Ehdr>(0);
  if (index >= std::min(SectionCount(), kMaxSections) ||
      header->e_shoff > size_) {
    return std::nullopt;
  }
  return ReadAt<Elf64_Shdr>(header->e_shoff + index * sizeof(Elf64_Shdr));
}

std::optional<ElfSymbols> ElfFile::Symbols() const {
  const std::uint64_t count = SectionCount();
  if (count > kMaxSections) {
    return std::nullopt;
  }
  std::optional<Elf64_Shdr> table;
  for (std::uint64_t i = 0; i < count; ++i) {
    table = Section(i);
    if (!table.has_value()) {
      return std::nullopt;
    }
    if (table->sh_type == SHT_SYMTAB) {
      break;
    }
    table.reset();
  }
  if (!table.has_value()) {
    return std::nullopt;
  }
  const auto strings = Section(table->sh_link);
  if (!strings.has_value() || strings->sh_type != SHT_STRTAB) {
    return std::nullopt;
  }
  const absl::string_view entries = Part(table->sh_offset, table->sh_size);
  ElfSymbols symbols;
  symbols.names = Part(strings->sh_offset, strings->sh_size);
  if (entries.size() != table->sh_size ||
      symbols.names.size() != strings->sh_size) {
    return std::nullopt;
  }
  // Local ones come first.
  const std::uint64_t locals = std::min<std::uint64_t>(
      table->sh_info, table->sh_size / sizeof(Elf64_Sym));
  for (std::uint64_t i = 1; i < locals && !symbols.has_local_functions; ++i) {
    const auto symbol =
        ReadAt<Elf64_Sym>(table->sh_offset + i * sizeof(Elf64_Sym));
    symbols.has_local_functions = symbol.has_value() &&
                                  ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
                                  ELF64_ST_BIND(symbol->st_info) == STB_LOCAL;
  }
  return symbols;
}

}  // namespace paceline
