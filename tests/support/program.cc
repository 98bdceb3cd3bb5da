#include "tests/support/program.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/os/process_tree.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Reads what is there; false at the end of the stream.
bool Drain(int fd, std::string& text) {
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

// What a killed program started has this long to be gone.
constexpr Duration kTreePatience = std::chrono::seconds(3);

bool AwaitEnd(const Fd& pidfd, Instant until) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - SystemClock().Now());
  pollfd ended{pidfd.get(), POLLIN, 0};
  return ::poll(&ended, 1, std::max<int>(0, static_cast<int>(left.count()))) ==
         1;
}

void LoadXml(const std::string& path, pugi::xml_document& document) {
  const pugi::xml_parse_result parsed = document.load_file(path.c_str());
  EXPECT_TRUE(parsed) << path << ": " << parsed.description();
}

std::string JunitName(const pugi::xml_node& test) {
  return absl::StrCat(test.attribute("classname").value(), ".",
                      test.attribute("name").value());
}

}  // namespace

std::string PacelinePath() { return PACELINE_PROGRAM; }

std::string TestProgramPath(absl::string_view name) {
  return absl::StrCat(PACELINE_TEST_PROGRAMS, "/", name);
}

ScratchDir::ScratchDir() {
  std::string pattern =
      absl::StrCat(testing::TempDir(), "/paceline-test-XXXXXX");
  PACELINE_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = fs::canonical(pattern);
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string ScratchDir::Write(absl::string_view name,
                              absl::string_view content) const {
  std::string file = absl::StrCat(path_, "/", name);
  fs::create_directories(fs::path(file).parent_path());
  std::ofstream out(file, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  PACELINE_CHECK(out.good());
  return file;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Program::Program(std::vector<std::string> argv, ProgramOptions options)
    : options_(std::move(options)) {
  auto out = MakePipe();
  auto err = MakePipe();
  PACELINE_CHECK(out.ok() && err.ok());
  SpawnSpec spec;
  spec.program = argv.at(0);
  spec.argv = std::move(argv);
  spec.env = CurrentEnvironment();
  ApplyEdits({{"TMPDIR", temp_dir_.path()}}, spec.env);
  ApplyEdits(options_.env, spec.env);
  spec.working_directory = options_.working_directory;
  spec.fds = {{out->second.get(), 1}, {err->second.get(), 2}};
  auto child = Spawn(spec);
  EXPECT_TRUE(child.ok()) << child.status().ToString();
  PACELINE_CHECK(child.ok());
  child_ = *std::move(child);
  out_fd_ = std::move(out->first);
  err_fd_ = std::move(err->first);
  PACELINE_CHECK(SetNonBlocking(out_fd_.get()).ok());
  PACELINE_CHECK(SetNonBlocking(err_fd_.get()).ok());
  deadline_ = SystemClock().Now() + options_.limit;
}

Program::~Program() {
  if (ended_) {
    return;
  }
  std::vector<Fd> below;
  std::vector<pid_t> pids = Descendants(child_.pid);
  for (const pid_t pid : pids) {
    below.emplace_back(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  }
  // Alone: its warden ends what it started, and removes its directories.
  ::kill(child_.pid, SIGKILL);
  const SystemClock clock;
  const Instant end = clock.Now() + kTreePatience;
  AwaitEnd(child_.pidfd, end + kTreePatience);
  TryReap(child_.pid);
  for (std::size_t i = 0; i < below.size(); ++i) {
    if (below[i].valid() && !AwaitEnd(below[i], end)) {
      SignalTree(pids[i], SIGKILL, /*including_root=*/true);
    }
  }
}

void Program::Signal(int signal) const { ::kill(child_.pid, signal); }

bool Program::Turn() {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      deadline_ - SystemClock().Now());
  if (left.count() <= 0) {
    return false;
  }
  pollfd fds[3] = {{child_.pidfd.get(), POLLIN, 0},
                   {out_fd_.get(), POLLIN, 0},
                   {err_fd_.get(), POLLIN, 0}};
  ::poll(fds, 3, static_cast<int>(left.count()));
  // The end is looked at first: all it wrote is then in the pipes.
  if (!ended_ && (fds[0].revents & POLLIN) != 0) {
    if (auto status = TryReap(child_.pid)) {
      ended_ = true;
      status_ = *status;
    }
  }
  if (out_fd_.valid() && !Drain(out_fd_.get(), out_)) {
    out_fd_.Reset();
  }
  if (err_fd_.valid() && !Drain(err_fd_.get(), err_)) {
    err_fd_.Reset();
  }
  return true;
}

bool Program::WaitFor(absl::string_view text) {
  return !WaitForLine(text).empty();
}

std::string Program::WaitForLine(absl::string_view text) {
  for (;;) {
    for (const std::string* stream : {&out_, &err_}) {
      const std::size_t at = stream->find(text.data(), 0, text.size());
      if (at == std::string::npos) {
        continue;
      }
      const std::size_t end = stream->find('\n', at);
      if (end == std::string::npos && !ended_) {
        continue;
      }
      const std::size_t newline = stream->rfind('\n', at);
      const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
      return stream->substr(
          begin, end == std::string::npos ? std::string::npos : end - begin);
    }
    if (ended_ || !Turn()) {
      return "";
    }
  }
}

bool Program::WaitForExit() {
  while (!ended_) {
    if (!Turn()) {
      return false;
    }
  }
  return true;
}

int Program::exit_code() const {
  return status_.exited() ? status_.exit_code() : 128 + status_.term_signal();
}

std::unique_ptr<Program> RunProgram(std::vector<std::string> argv,
                                    ProgramOptions options) {
  auto program = std::make_unique<Program>(std::move(argv), std::move(options));
  EXPECT_TRUE(program->WaitForExit())
      << "over its limit; standard error so far:\n"
      << program->err();
  return program;
}

std::map<std::string, std::string> ReadJunit(const std::string& path) {
  std::map<std::string, std::string> outcomes;
  pugi::xml_document document;
  LoadXml(path, document);
  for (const pugi::xpath_node& found : document.select_nodes("//testcase")) {
    const pugi::xml_node test = found.node();
    std::string outcome = "passed";
    for (const char* kind : {"skipped", "failure", "error"}) {
      if (test.child(kind)) {
        outcome = kind;
      }
    }
    const std::string name = JunitName(test);
    const bool fresh = outcomes.emplace(name, outcome).second;
    EXPECT_TRUE(fresh) << name << " is in " << path << " twice";
  }
  return outcomes;
}

std::multimap<std::string, JunitTest> ReadJunitTests(const std::string& path) {
  std::multimap<std::string, JunitTest> tests;
  pugi::xml_document document;
  LoadXml(path, document);
  for (const pugi::xpath_node& found : document.select_nodes("//testcase")) {
    const pugi::xml_node node = found.node();
    JunitTest test;
    for (const char* kind : {"skipped", "failure", "error"}) {
      if (const pugi::xml_node child = node.child(kind)) {
        test.message = child.attribute("message").value();
        test.details = child.text().get();
      }
    }
    test.output = node.child("system-out").text().get();
    for (const pugi::xml_node property :
         node.child("properties").children("property")) {
      test.properties[property.attribute("name").value()] =
          property.attribute("value").value();
    }
    test.verdict = test.properties["paceline.verdict"];
    tests.emplace(JunitName(node), std::move(test));
  }
  return tests;
}

}  // namespace paceline
