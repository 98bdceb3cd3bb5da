// Small ELF files for tests: one loaded segment, names, and what the dynamic
// loader is told. Nothing in them can run.

#ifndef PACELINE_TESTS_UNIT_GTEST_ELF_BUILDER_H_
#define PACELINE_TESTS_UNIT_GTEST_ELF_BUILDER_H_

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace paceline {

struct ElfContent {
  // Of functions; absent: stripped.
  std::optional<std::vector<std::string>> functions =
      std::vector<std::string>();
  // Whether a function of one object file alone is among them, as in every
  // program that was linked and not cut afterwards.
  bool has_local_functions = true;
  std::vector<std::string> needed = {};
  std::string rpath = {};
  std::string runpath = {};
  // Part of what is loaded.
  std::string text = {};
};

class ElfBuilder {
 public:
  static std::string Build(const ElfContent& content) {
    ElfBuilder builder;
    builder.Write(content);
    return builder.bytes_;
  }

 private:
  template <typename T>
  std::uint64_t Add(const T& entry) {
    const std::uint64_t offset = bytes_.size();
    bytes_.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
    return offset;
  }
  std::uint64_t AddBytes(absl::string_view bytes) {
    const std::uint64_t offset = bytes_.size();
    bytes_.append(bytes.data(), bytes.size());
    return offset;
  }
  template <typename T>
  void Overwrite(std::uint64_t offset, const T& entry) {
    std::memcpy(bytes_.data() + offset, &entry, sizeof(entry));
  }
  // Adds `text` to `table` and returns where it is there.
  static std::uint32_t Name(std::string& table, absl::string_view text) {
    const auto offset = static_cast<std::uint32_t>(table.size());
    table.append(text.data(), text.size());
    table.push_back('\0');
    return offset;
  }

  void Write(const ElfContent& content) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phnum = 2;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    Add(header);
    const std::uint64_t load_at = Add(Elf64_Phdr{});
    const std::uint64_t dynamic_at = Add(Elf64_Phdr{});
    AddBytes(content.text);

    std::string strings(1, '\0');
    std::vector<Elf64_Dyn> entries;
    const auto tell = [&](std::int64_t tag, const std::string& text) {
      Elf64_Dyn entry{};
      entry.d_tag = tag;
      entry.d_un.d_val = Name(strings, text);
      entries.push_back(entry);
    };
    for (const std::string& name : content.needed) {
      tell(DT_NEEDED, name);
    }
    if (!content.rpath.empty()) {
      tell(DT_RPATH, content.rpath);
    }
    if (!content.runpath.empty()) {
      tell(DT_RUNPATH, content.runpath);
    }
    // Loaded at another address than its place in the file.
    constexpr std::uint64_t kAddress = 0x10000;
    Elf64_Dyn where{};
    where.d_tag = DT_STRTAB;
    where.d_un.d_ptr = kAddress + AddBytes(strings);
    entries.push_back(where);
    entries.push_back({});
    Elf64_Phdr dynamic{};
    dynamic.p_type = PT_DYNAMIC;
    dynamic.p_offset = bytes_.size();
    dynamic.p_filesz = entries.size() * sizeof(Elf64_Dyn);
    for (const Elf64_Dyn& entry : entries) {
      Add(entry);
    }
    Overwrite(dynamic_at, dynamic);
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_vaddr = kAddress;
    load.p_filesz = bytes_.size();
    Overwrite(load_at, load);

    if (content.functions.has_value()) {
      WriteSymbols(content, header);
    }
    Overwrite(0, header);
  }

  // At the end of the file, the section headers last.
  void WriteSymbols(const ElfContent& content, Elf64_Ehdr& header) {
    std::string names(1, '\0');
    std::vector<Elf64_Sym> symbols(1);
    Elf64_Sym local{};
    local.st_name = Name(names, "frame_dummy");
    local.st_info = content.has_local_functions ? STT_FUNC : STT_SECTION;
    symbols.push_back(local);
    for (const std::string& name : *content.functions) {
      Elf64_Sym symbol{};
      symbol.st_name = Name(names, name);
      symbol.st_info = (STB_GLOBAL << 4) | STT_FUNC;
      symbols.push_back(symbol);
    }
    std::vector<Elf64_Shdr> sections(3);
    sections[1].sh_type = SHT_STRTAB;
    sections[1].sh_offset = AddBytes(names);
    sections[1].sh_size = names.size();
    sections[2].sh_type = SHT_SYMTAB;
    sections[2].sh_link = 1;
    sections[2].sh_info = 2;
    sections[2].sh_offset = bytes_.size();
    sections[2].sh_size = symbols.size() * sizeof(Elf64_Sym);
    for (const Elf64_Sym& symbol : symbols) {
      Add(symbol);
    }
    header.e_shoff = bytes_.size();
    header.e_shnum = static_cast<std::uint16_t>(sections.size());
    for (const Elf64_Shdr& section : sections) {
      Add(section);
    }
  }

  std::string bytes_;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_GTEST_ELF_BUILDER_H_
