#include "worker/command/command_discoverer.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace paceline {
namespace {

// What a manifest takes as a name, with room for a mark that tells equal
// commands apart.
constexpr std::size_t kMaxName = 4096;

// Words that a shell understands itself, dash's and bash's, so that no program
// may be meant. Each stands between two spaces.
constexpr absl::string_view kShellWords =
    " . : alias bg bind break builtin caller case cd chdir command compgen "
    "complete compopt continue coproc declare dirs disown do done echo elif "
    "else enable esac eval exec exit export false fc fg fi for function "
    "getopts hash help history if in jobs kill let local logout mapfile popd "
    "printf pushd pwd read readarray readonly return select set shift shopt "
    "source suspend test then time times trap true type typeset ulimit umask "
    "unalias unset until wait while ";

bool IsProgramsName(absl::string_view word) {
  const bool plain =
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               absl::StrContains("_./+-", c);
      });
  return plain && !absl::StrContains(kShellWords, absl::StrCat(" ", word, " "));
}

// A shell that waits for a program tells a signal that ended it as an exit
// status, as though the program had chosen to leave. So where a line is sure
// to be nothing but one program with its arguments, the shell becomes it.
std::string ForShell(absl::string_view command) {
  const absl::string_view first =
      command.substr(0, command.find_first_of(" \t"));
  const bool one_program =
      IsProgramsName(first) &&
      command.find_first_of(";&|()`") == absl::string_view::npos;
  return absl::StrCat(one_program ? "exec " : "", command);
}

// `text` within `limit` bytes, and no character of it cut in two.
absl::string_view Cut(absl::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  // Of bytes that are no text any may be the last.
  return text.substr(0, limit - end < 4 ? end : limit);
}

// Why `path` is no list of commands but a program, whose lines or bytes must
// not go to a shell; nothing if it may be one.
std::optional<std::string> WhyProgram(const std::string& path,
                                      std::ifstream& in) {
  struct stat info {};
  const bool known = stat(path.c_str(), &info) == 0;
  if (known && S_ISDIR(info.st_mode)) {
    return "is a directory";
  }
  std::array<char, 4096> start;
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  const absl::string_view bytes(start.data(),
                                static_cast<std::size_t>(in.gcount()));
  in.clear();
  in.seekg(0);
  if (absl::StartsWith(bytes,
                       "\x7f"
                       "ELF")) {
    return "is a program (ELF)";
  }
  if (absl::StartsWith(bytes, "#!")) {
    return "is a script: its first line names its interpreter";
  }
  if (bytes.find('\0') != absl::string_view::npos) {
    return "is no text: a NUL byte is among its first";
  }
  if (known && (info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0) {
    return "is executable, and so a program";
  }
  return std::nullopt;
}

// Adds tests under names of their own.
class Commands {
 public:
  Commands(SuiteIndex suite, const std::string& target, DiscoverySink& sink)
      : suite_(suite), target_(target), sink_(sink) {}

  // `file` may be empty.
  void Add(absl::string_view name, const std::vector<std::string>& argv,
           const std::string& file, std::uint32_t line) {
    TestSpec test;
    test.suite = suite_;
    test.name = Unused(std::string(Cut(name, kMaxName)));
    test.file = file;
    test.line = line;
    test.payload = EncodeCommand(argv);
    if (test.payload.size() > kMaxPayloadBytes) {
      sink_.AddError(
          {target_,
           absl::StrCat("The command",
                        file.empty()
                            ? ""
                            : absl::StrCat(" in line ", line, " of ", target_),
                        " has ", test.payload.size(), " bytes, and only ",
                        kMaxPayloadBytes, " travel. Put it into a script.")});
      return;
    }
    sink_.AddTest(std::move(test));
  }

 private:
  // The same command twice is two tests.
  std::string Unused(const std::string& name) {
    std::uint32_t& count = seen_[name];
    for (;;) {
      ++count;
      std::string unused = count == 1 ? name : absl::StrCat(name, " #", count);
      if (used_.insert(unused).second) {
        return unused;
      }
    }
  }

  const SuiteIndex suite_;
  const std::string& target_;
  DiscoverySink& sink_;
  // How often each command came, so that the next mark is found at once.
  absl::flat_hash_map<std::string, std::uint32_t> seen_;
  absl::flat_hash_set<std::string> used_;
};

SuiteSpec MakeSuite(std::string name, std::string program) {
  std::error_code error;
  SuiteSpec suite;
  suite.name = std::move(name);
  suite.runner = kCommandRunner;
  suite.program = std::move(program);
  suite.working_directory = std::filesystem::current_path(error).string();
  return suite;
}

}  // namespace

std::string EncodeCommand(const std::vector<std::string>& argv) {
  std::string payload;
  for (const std::string& argument : argv) {
    absl::StrAppend(&payload, argument, absl::string_view("\0", 1));
  }
  return payload;
}

std::vector<std::string> DecodeCommand(absl::string_view payload) {
  std::vector<std::string> argv = absl::StrSplit(payload, '\0');
  argv.pop_back();  // what follows the last end
  return argv;
}

bool CommandDiscoverer::Recognises(const std::string& /*path*/) const {
  return false;
}

void CommandDiscoverer::Discover(const Target& target,
                                 const DiscoveryOptions& /*options*/,
                                 DiscoverySink& sink) const {
  if (target.path.empty()) {
    const std::string suite = "command";
    Commands commands(sink.AddSuite(MakeSuite(suite, target.arguments.front())),
                      suite, sink);
    commands.Add(absl::StrJoin(target.arguments, " "), target.arguments, "", 0);
    return;
  }
  std::error_code error;
  const std::string file = std::filesystem::absolute(target.path, error);
  std::ifstream in(file);
  if (!in) {
    sink.AddError({target.path, absl::StrCat("The commands in ", target.path,
                                             " cannot be read: ",
                                             std::strerror(errno), ".")});
    return;
  }
  if (const std::optional<std::string> why = WhyProgram(file, in)) {
    sink.AddError(
        {target.path,
         absl::StrCat(target.path, " ", *why,
                      ", and no list of commands, one a line. To run it as "
                      "one test: paceline run -- ",
                      target.path)});
    return;
  }
  Commands commands(sink.AddSuite(MakeSuite(target.path, file)), target.path,
                    sink);
  std::uint32_t number = 0;
  for (std::string line; std::getline(in, line) && !sink.cancelled();) {
    ++number;
    const absl::string_view command = absl::StripAsciiWhitespace(line);
    if (command.empty() || command.front() == '#') {
      continue;
    }
    if (command.find('\0') != absl::string_view::npos) {
      sink.AddError(
          {target.path, absl::StrCat("Line ", number, " of ", target.path,
                                     " holds a NUL byte; one command a line "
                                     "of text is expected.")});
      continue;
    }
    std::vector<std::string> argv = {"/bin/sh", "-c", ForShell(command), "sh"};
    argv.insert(argv.end(), target.arguments.begin(), target.arguments.end());
    commands.Add(command, argv, file, number);
  }
  if (in.bad()) {
    sink.AddError({target.path, absl::StrCat("The commands in ", target.path,
                                             " cannot be read to their end.")});
  }
}

}  // namespace paceline
