#include "worker/ctest/ctest_discoverer.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/os/temp_directory.h"
#include "worker/ctest/build_directory.h"
#include "worker/ctest/ctest_test.h"
#include "worker/ctest/listing.h"
#include "worker/ctest/test_graph.h"
#include "worker/ctest/utf8.h"
#include "worker/discovery/run_listing.h"

namespace paceline {
namespace {

// What may stand behind `--`: ctest's ways to select. Others say how ctest runs
// tests, and it is not ctest that runs them.
constexpr absl::string_view kSelecting[] = {"-R",
                                            "--tests-regex",
                                            "-E",
                                            "--exclude-regex",
                                            "-L",
                                            "--label-regex",
                                            "-LE",
                                            "--label-exclude",
                                            "-I",
                                            "--tests-information",
                                            "-U",
                                            "--union",
                                            "-FA",
                                            "--fixture-exclude-any",
                                            "-FS",
                                            "--fixture-exclude-setup",
                                            "-FC",
                                            "--fixture-exclude-cleanup",
                                            "--rerun-failed",
                                            "-C",
                                            "--build-config"};

// The first argument that ctest would not select by; nothing if there is none.
std::optional<std::string> FirstForeign(
    const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const absl::string_view flag =
        absl::string_view(argument).substr(0, argument.find('='));
    if (absl::StartsWith(flag, "-") &&
        std::find(std::begin(kSelecting), std::end(kSelecting), flag) ==
            std::end(kSelecting)) {
      return argument;
    }
  }
  return std::nullopt;
}

// What TIMEOUT 0 asks for.
constexpr Duration kNoLimit = std::chrono::hours(24 * 365);
constexpr std::size_t kMaxCycleShown = 10;

// What `ctest -N` appends to a name.
constexpr absl::string_view kDisabledMark = " (Disabled)";

// The name in a line of `ctest -N`, "  Test  #12: name"; else empty.
absl::string_view NameInShortList(absl::string_view line) {
  const std::size_t colon = line.find(": ");
  if (colon == line.npos) {
    return {};
  }
  absl::string_view number = absl::StripAsciiWhitespace(line.substr(0, colon));
  if (!absl::ConsumePrefix(&number, "Test") ||
      !absl::StartsWith(absl::StripLeadingAsciiWhitespace(number), "#")) {
    return {};
  }
  return line.substr(colon + 2);
}

// Whether what a test is run with holds what stands for bytes that were no
// text: as they are, they would be other arguments.
bool IsGarbled(const CtestTest& test) {
  const auto garbled = [](const std::string& text) {
    return absl::StrContains(text, kReplacementCharacter);
  };
  const auto any = [&garbled](const std::vector<std::string>& texts) {
    return std::any_of(texts.begin(), texts.end(), garbled);
  };
  return any(test.command) || garbled(test.working_directory) ||
         any(test.environment) || any(test.environment_modification) ||
         any(test.pass_expressions) || any(test.fail_expressions) ||
         any(test.skip_expressions) || any(test.required_files);
}

// Keeps what the listing left until the run is over.
class LeftByHook final : public ResultListener {
 public:
  explicit LeftByHook(std::vector<std::shared_ptr<ProcessGroup>> left)
      : left_(std::move(left)) {}

  void OnResult(HeardResult /*result*/) override {}
  End Finish(bool /*interrupted*/,
             const std::function<bool()>& /*cancelled*/) override {
    left_.clear();
    return {};
  }

 private:
  std::vector<std::shared_ptr<ProcessGroup>> left_;
};

// One directory's discovery.
class Discovery {
 public:
  Discovery(const Target& target, const DiscoveryOptions& options,
            DiscoverySink& sink);

  void Run();

 private:
  // Each returns a whole sentence as its error.
  absl::StatusOr<std::string> AskCtest(absl::string_view how,
                                       const ListingOutput& output);
  absl::Status WriteListing(const std::string& file);
  absl::Status ReadGraph(const std::string& file);
  absl::Status AddTests(const std::string& file);
  absl::Status AddUnavailable();

  void AddSuite();
  void AddTest(ListedTest listed);
  void AddError(std::string sentence) const;
  std::uint32_t& Occurrence(const std::string& name) {
    return occurrences_[name];
  }

  const Target& target_;
  const DiscoveryOptions& options_;
  DiscoverySink& sink_;
  const std::string directory_;
  const std::optional<Duration> default_timeout_;
  TestGraph graph_;
  TestFileScan scan_;
  const CustomHooks hooks_;
  // What CTEST_CUSTOM_PRE_TEST, which a listing runs, may have started for the
  // tests.
  std::vector<std::shared_ptr<ProcessGroup>> left_;
  CtestSuiteOptions shared_;
  SuiteIndex suite_{};
  // How many tests of a name were seen so far; for those that repeat.
  absl::flat_hash_map<std::string, std::uint32_t> occurrences_;
  // Names in the listing's order.
  std::vector<std::string> names_;
};

std::string Absolute(const std::string& path) {
  std::error_code error;
  std::string absolute =
      std::filesystem::absolute(path, error).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') {
    absolute.pop_back();
  }
  return absolute;
}

Discovery::Discovery(const Target& target, const DiscoveryOptions& options,
                     DiscoverySink& sink)
    : target_(target),
      options_(options),
      sink_(sink),
      directory_(Absolute(target.path)),
      default_timeout_(DefaultCtestTimeout(directory_)),
      hooks_(FindCustomHooks(directory_)) {}

void Discovery::Run() {
  const absl::StatusOr<TempDirectory> temp = TempDirectory::Create();
  absl::Status status = temp.status();
  if (temp.ok()) {
    const std::string file = temp->path() + "/listing.json";
    status = WriteListing(file);
    if (status.ok()) {
      status = ReadGraph(file);
    }
    if (status.ok()) {
      status = AddTests(file);
    }
  } else {
    status = absl::UnavailableError(
        absl::StrCat("The tests of ", target_.path,
                     " cannot be listed: ", temp.status().message(), "."));
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    AddError(std::string(status.message()));
  }
}

// Runs ctest with the user's selection; returns the end of its standard error.
absl::StatusOr<std::string> Discovery::AskCtest(absl::string_view how,
                                                const ListingOutput& output) {
  ListingCommand command;
  command.program = options_.ctest_program;
  command.argv = {options_.ctest_program, std::string(how)};
  if (!options_.ctest_config.empty()) {
    command.argv.insert(command.argv.end(), {"-C", options_.ctest_config});
  }
  command.argv.insert(command.argv.end(), options_.ctest_selection.begin(),
                      options_.ctest_selection.end());
  if (options_.ctest_rerun_failed) {
    command.argv.emplace_back("--rerun-failed");
  }
  command.argv.insert(command.argv.end(), target_.arguments.begin(),
                      target_.arguments.end());
  command.env = options_.env;
  command.working_directory = directory_;
  command.timeout = options_.timeout;
  command.cancelled = [this] { return sink_.cancelled(); };
  command.keep_left = hooks_.pre_test;
  const absl::StatusOr<ListingEnd> end = RunListing(command, output);
  if (end.ok()) {
    if (end->left != nullptr) {
      left_.push_back(end->left);
    }
    const std::string last(absl::StripAsciiWhitespace(end->error_tail));
    if (end->status.exited() && end->status.exit_code() == 0) {
      return last;
    }
    return absl::UnknownError(absl::StrCat(
        options_.ctest_program, " ended with ", Describe(end->status),
        " instead of listing the tests of ", target_.path, ".",
        last.empty() ? "" : " Its last words: ", last));
  }
  switch (end.status().code()) {
    case absl::StatusCode::kCancelled:
      return end.status();
    case absl::StatusCode::kNotFound:
      return absl::NotFoundError(absl::StrCat(
          "The tests of ", target_.path, " cannot be listed: there is no ",
          options_.ctest_program,
          ". Install CMake, which brings it, or put it into PATH."));
    case absl::StatusCode::kDeadlineExceeded:
      return absl::DeadlineExceededError(absl::StrCat(
          options_.ctest_program, " did not list the tests of ", target_.path,
          " within ", FormatDuration(options_.timeout),
          " and was stopped. Run ctest -N there to see what it does; tests "
          "that are discovered before a run (PRE_TEST) may hang."));
    default:
      return absl::Status(
          end.status().code(),
          absl::StrCat("The tests of ", target_.path,
                       " cannot be listed: ", end.status().message(), "."));
  }
}

absl::Status Discovery::WriteListing(const std::string& file) {
  std::ofstream out(file, std::ios::binary);
  const absl::StatusOr<std::string> words =
      AskCtest("--show-only=json-v1", [&](absl::string_view chunk) {
        out.write(chunk.data(), static_cast<std::streamsize>(chunk.size()));
        return out ? absl::OkStatus()
                   : absl::UnavailableError(absl::StrCat(
                         "cannot write to ", file, "; is the disk full?"));
      });
  return words.status();
}

absl::Status Discovery::ReadGraph(const std::string& file) {
  const absl::StatusOr<std::size_t> nameless =
      ReadCtestListing(file, [this](const ListedTest& listed) {
        if (graph_.size() == 0) {
          shared_.working_directory = listed.test.working_directory;
          shared_.environment = listed.test.environment;
        }
        graph_.Add(listed);
        return !sink_.cancelled();
      });
  if (!nameless.ok()) {
    return absl::Status(
        nameless.status().code(),
        absl::StrCat("Nothing can be made of what ", options_.ctest_program,
                     " says of the tests of ", target_.path, ": ",
                     nameless.status().message(),
                     ". Run ctest --show-only=json-v1 there."));
  }
  if (*nameless > 0) {
    AddError(absl::StrCat(
        *nameless == 1 ? "A test" : absl::StrCat(*nameless, " tests"), " of ",
        target_.path, *nameless == 1 ? " has" : " have",
        " no name; ctest runs such tests, and here they cannot be named. Give "
        "them one in add_test."));
  }
  std::vector<std::string> cycle = graph_.FindCycle();
  if (cycle.empty()) {
    return absl::OkStatus();
  }
  if (cycle.size() > kMaxCycleShown) {
    cycle.resize(kMaxCycleShown);
    cycle.emplace_back("...");
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "Tests of ", target_.path,
      " wait for each other in a circle: ", absl::StrJoin(cycle, " after "),
      ". ctest runs none of them; break the circle in DEPENDS or fixtures."));
}

void Discovery::AddSuite() {
  shared_.configuration = options_.ctest_config;
  SuiteSpec suite;
  suite.name = target_.path;
  suite.runner = kCtestRunner;
  suite.program = directory_;
  suite.working_directory = directory_;
  // As ctest sets them for its tests.
  suite.env = {{"CTEST_INTERACTIVE_DEBUG_MODE", "1"}};
  // Of tests without RESOURCE_GROUPS; those with them are given their own.
  suite.env.push_back(
      {"CTEST_RESOURCE_GROUP_COUNT", options_.ctest_resources
                                         ? std::optional<std::string>("0")
                                         : std::nullopt});
  if (!options_.ctest_config.empty()) {
    suite.env.push_back({"CMAKE_CONFIG_TYPE", options_.ctest_config});
  }
  suite.options = EncodeCtestOptions(shared_);
  if (suite.options.size() > kMaxPayloadBytes) {
    // Then each test has its own.
    shared_.environment.clear();
    suite.options = EncodeCtestOptions(shared_);
  }
  suite_ = sink_.AddSuite(std::move(suite));
  if (!left_.empty() && options_.keep_listeners) {
    sink_.AddListener(suite_, std::make_shared<LeftByHook>(left_));
  }
  if (hooks_.post_test) {
    sink_.AddNote(absl::StrCat(
        target_.path,
        ": CTEST_CUSTOM_POST_TEST is not run; CTEST_CUSTOM_PRE_TEST is, on "
        "this machine, and what it leaves running is ended with the run."));
  }
}

absl::Status Discovery::AddTests(const std::string& file) {
  scan_ = ScanTestFiles(directory_);
  const bool unavailable = scan_.unavailable;
  if (graph_.size() == 0 && !unavailable) {
    return absl::OkStatus();
  }
  if (!scan_.garbled_places.empty()) {
    AddError(absl::StrCat(
        scan_.garbled_places.front(),
        " holds bytes that are no UTF-8, which ctest's listing does not give "
        "as they are: a test would run with other arguments. Write them in "
        "UTF-8",
        scan_.garbled_places.size() > 1
            ? absl::StrCat("; so in ", scan_.garbled_places.size() - 1,
                           " more lines.")
            : "."));
  }
  AddSuite();
  PACELINE_RETURN_IF_ERROR(ReadCtestListing(file, [&](ListedTest listed) {
                             if (unavailable) {
                               names_.push_back(listed.name);
                             }
                             AddTest(std::move(listed));
                             return !sink_.cancelled();
                           }).status());
  return unavailable && !sink_.cancelled() ? AddUnavailable()
                                           : absl::OkStatus();
}

void Discovery::AddTest(ListedTest listed) {
  TestSpec spec;
  spec.suite = suite_;
  const std::uint32_t occurrence = ++Occurrence(listed.name);
  spec.name = graph_.UniqueName(listed.name, occurrence);
  spec.file = std::move(listed.file);
  spec.line = listed.line;
  spec.timeout = listed.timeout.has_value() ? listed.timeout : default_timeout_;
  if (spec.timeout == Duration::zero()) {
    spec.timeout = kNoLimit;
  }
  listed.test.leaves_processes |= graph_.IsAwaited(listed.name);
  if (listed.disabled) {
    spec.skip_reason = "disabled";
  }
  std::vector<std::string> after = graph_.After(listed, occurrence);
  Constraints constraints = std::move(listed.constraints);
  constraints.after = std::move(after);
  if (!constraints.trivial()) {
    spec.constraints = std::move(constraints);
  }
  if (absl::EndsWith(spec.name, "_NOT_BUILT") && listed.test.command.empty()) {
    listed.test.not_available = absl::StrCat(
        "the tests of ", absl::StripSuffix(spec.name, "_NOT_BUILT"),
        " are not known, since it is not built; build it first");
  }
  if (listed.test.not_available.empty() &&
      (scan_.garbled.contains(listed.name) || IsGarbled(listed.test))) {
    listed.test.not_available =
        "its command or one of its properties holds bytes that are no UTF-8, "
        "which ctest's listing does not give as they are; write them in UTF-8";
  }
  spec.labels = std::move(listed.labels);
  spec.payload = EncodeCtestTest(listed.test, shared_);
  if (spec.payload.size() > kMaxPayloadBytes) {
    AddError(absl::StrCat(
        "The test ", spec.name, " of ", target_.path, " takes ",
        spec.payload.size(), " bytes to describe, and only ", kMaxPayloadBytes,
        " travel. Move its command line or ENVIRONMENT into a file."));
    return;
  }
  sink_.AddTest(std::move(spec));
}

// Tests that ctest counts as Not Run, and leaves out of its listing.
absl::Status Discovery::AddUnavailable() {
  std::string text;
  PACELINE_RETURN_IF_ERROR(AskCtest("-N", [&text](absl::string_view chunk) {
                             absl::StrAppend(&text, chunk);
                             return absl::OkStatus();
                           }).status());
  std::size_t next = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view name = NameInShortList(line);
    if (name.empty()) {
      continue;
    }
    if (next < names_.size() &&
        (name == names_[next] ||
         name == absl::StrCat(names_[next], kDisabledMark))) {
      ++next;
      continue;
    }
    ListedTest listed;
    listed.name = std::string(name);
    listed.test.working_directory = shared_.working_directory;
    listed.test.environment = shared_.environment;
    listed.test.not_available =
        options_.ctest_config.empty()
            ? std::string(
                  "not available without a configuration; name one with -C")
            : absl::StrCat("not available in the configuration ",
                           options_.ctest_config);
    AddTest(std::move(listed));
  }
  return absl::OkStatus();
}

void Discovery::AddError(std::string sentence) const {
  sink_.AddError({target_.path, std::move(sentence)});
}

}  // namespace

bool CtestDiscoverer::Recognises(const std::string& path) const {
  return IsCtestDirectory(path);
}

std::vector<std::string> CtestDiscoverer::own_keys() const {
  return {"tests-regex",  "exclude-regex", "label-regex",       "label-exclude",
          "build-config", "rerun-failed",  "resource-spec-file"};
}

bool CtestDiscoverer::Selects(const Target& target,
                              const DiscoveryOptions& options) const {
  return !options.ctest_selection.empty() || options.ctest_rerun_failed ||
         !target.arguments.empty();
}

void CtestDiscoverer::Discover(const Target& target,
                               const DiscoveryOptions& options,
                               DiscoverySink& sink) const {
  if (!IsCtestDirectory(target.path)) {
    sink.AddError(
        {target.path,
         absl::StrCat(target.path,
                      " is no CTest build directory: it holds no "
                      "CTestTestfile.cmake. Name the directory that CMake "
                      "configured, with enable_testing() in its project.")});
    return;
  }
  if (const std::optional<std::string> foreign =
          FirstForeign(target.arguments)) {
    sink.AddError(
        {target.path,
         absl::StrCat("ctest would not select tests by ", *foreign,
                      ", which stands behind --. For a CTest directory only "
                      "ctest's selection may stand there (-R -E -L -LE -I …); "
                      "how tests are run is said with paceline's own flags, in "
                      "front of --.")});
    return;
  }
  Discovery(target, options, sink).Run();
}

}  // namespace paceline
