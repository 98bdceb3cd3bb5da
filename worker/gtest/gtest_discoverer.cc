#include "worker/gtest/gtest_discoverer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/log.h"
#include "common/os/temp_directory.h"
#include "worker/discovery/run_listing.h"
#include "worker/gtest/case_name.h"
#include "worker/gtest/elf_probe.h"
#include "worker/gtest/listing.h"
#include "worker/gtest/program_environment.h"
#include "worker/gtest/suite_options.h"
#include "worker/gtest/suite_setup.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxListingFile = std::size_t{256} << 20;
constexpr std::size_t kKeptOutput = 2048;

// What a program printed while it should have listed: its last words for a
// failure's sentence, and whether it runs tests instead.
class ListingOutputWatch {
 public:
  absl::Status Take(absl::string_view chunk) {
    absl::StrAppend(&kept_, chunk);
    const bool runs = absl::StartsWith(kept_, kRun) ||
                      absl::StrContains(kept_, absl::StrCat("\n", kRun));
    if (kept_.size() > kKeptOutput) {
      kept_.erase(0, kept_.size() - kKeptOutput);
    }
    if (runs) {
      return absl::FailedPreconditionError("runs its tests");
    }
    return absl::OkStatus();
  }

  absl::string_view kept() const { return kept_; }

 private:
  static constexpr absl::string_view kRun = "[ RUN      ] ";
  std::string kept_;
};

// Nothing, or the sentence that says why `path` cannot be a test program.
std::optional<std::string> WhyNotAProgram(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::StrCat("There is no file ", path,
                        ". Check the path, and whether the program is built.");
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::StrCat(path, " is no regular file, and so no test program.");
  }
  if (access(path.c_str(), X_OK) != 0) {
    return absl::StrCat(path,
                        " is not executable. Name the built test program, or "
                        "make it executable with chmod +x.");
  }
  return std::nullopt;
}

std::string LastWords(absl::string_view out, absl::string_view err) {
  absl::string_view words = absl::StripAsciiWhitespace(err);
  if (words.empty()) {
    words = absl::StripAsciiWhitespace(out);
  }
  if (words.size() > 400) {
    words.remove_prefix(words.size() - 400);
  }
  return words.empty() ? std::string(" It printed nothing.")
                       : absl::StrCat(" Its last words: ", CleanName(words));
}

// The sentence for a program that wrote no list.
std::string WhyNoList(const std::string& path, WaitStatus status,
                      absl::string_view last_words) {
  if (status.signaled()) {
    return absl::StrCat(path, " died of ", Describe(status),
                        " while listing its tests.", last_words);
  }
  if (status.exit_code() != 0) {
    return absl::StrCat(path, " ended with ", Describe(status),
                        " instead of listing its tests.", last_words);
  }
  return absl::StrCat(
      path,
      " ended well but wrote no list of tests, so it is no GoogleTest program, "
      "or its main does not pass the flags to InitGoogleTest. Use --runner to "
      "run it in another way.",
      last_words);
}

// The sentence for a listing that RunListing gave up.
std::string WhyGivenUp(const std::string& path, const absl::Status& status,
                       Duration timeout) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return absl::StrCat(
          path,
          " ignores --gtest_list_tests and ran its tests when asked to list "
          "them; it was stopped. Let its main pass argc and argv to "
          "InitGoogleTest, or run it as one test: paceline run -- ",
          path);
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat(
          path, " did not list its tests within ", FormatDuration(timeout),
          " and was stopped. Run it with --gtest_list_tests to see what it "
          "does.");
    default:
      return absl::StrCat(path, " could not be asked for its tests: ",
                          CleanName(absl::string_view(status.message())), ".");
  }
}

// The whole file; nothing if it is not there, empty or over the bound.
std::optional<std::string> ReadListingFile(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size == 0 || size > kMaxListingFile) {
    return std::nullopt;
  }
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

struct List {
  std::vector<ListedCase> cases;
  WaitStatus status;
};

// Asks `program` for its cases. An error is the whole sentence.
absl::StatusOr<List> AskForList(const std::string& program,
                                const Target& target,
                                const DiscoveryOptions& options,
                                const std::vector<EnvEdit>& env,
                                const DiscoverySink& sink) {
  const absl::StatusOr<TempDirectory> directory = TempDirectory::Create();
  if (!directory.ok()) {
    return absl::InternalError(
        absl::StrCat("The tests of ", target.path,
                     " cannot be listed: ", directory.status().message(), "."));
  }
  const std::string file = directory->path() + "/list.json";
  ListingCommand command;
  command.program = program;
  command.argv = {program};
  command.argv.insert(command.argv.end(), target.arguments.begin(),
                      target.arguments.end());
  // Last, so that they hold against the user's own.
  command.argv.emplace_back("--gtest_list_tests");
  command.argv.push_back("--gtest_output=json:" + file);
  command.env = options.env;
  ApplyEdits(env, command.env);
  command.timeout = options.timeout;
  command.cancelled = [&sink] { return sink.cancelled(); };

  ListingOutputWatch watch;
  const absl::StatusOr<ListingEnd> end = RunListing(
      command, [&watch](absl::string_view chunk) { return watch.Take(chunk); });
  if (!end.ok()) {
    return absl::Status(end.status().code(),
                        WhyGivenUp(target.path, end.status(), options.timeout));
  }
  const std::optional<std::string> json = ReadListingFile(file);
  if (!json.has_value()) {
    return absl::NotFoundError(WhyNoList(
        target.path, end->status, LastWords(watch.kept(), end->error_tail)));
  }
  absl::StatusOr<std::vector<ListedCase>> cases = ParseListing(*json);
  if (!cases.ok()) {
    return absl::DataLossError(
        absl::StrCat("The list of tests that ", target.path, " wrote (",
                     Describe(end->status),
                     ") is not whole: ", cases.status().message(), "."));
  }
  return List{*std::move(cases), end->status};
}

// As GoogleTest reads a flag's value: these turn it off, all else on.
bool TurnsOn(absl::string_view value) {
  return !absl::StartsWith(value, "0") && !absl::StartsWith(value, "f") &&
         !absl::StartsWith(value, "F");
}

bool AlsoRunDisabled(const Target& target, const DiscoveryOptions& options) {
  constexpr absl::string_view kVariable = "GTEST_ALSO_RUN_DISABLED_TESTS";
  bool also = options.also_run_disabled;
  if (std::find(options.named_env.begin(), options.named_env.end(),
                kVariable) != options.named_env.end()) {
    for (absl::string_view variable : options.env) {
      if (absl::ConsumePrefix(&variable, absl::StrCat(kVariable, "="))) {
        also = also || variable != "0";
      }
    }
  }
  for (absl::string_view argument : target.arguments) {
    if (!absl::ConsumePrefix(&argument, "--gtest_also_run_disabled_tests")) {
      continue;
    }
    if (argument.empty()) {
      also = true;
    } else if (absl::ConsumePrefix(&argument, "=")) {
      also = TurnsOn(argument);
    }
  }
  return also;
}

}  // namespace

bool GtestDiscoverer::Recognises(const std::string& path) const {
  return HoldsGoogleTest(path);
}

bool GtestDiscoverer::Selects(const Target& target,
                              const DiscoveryOptions& /*options*/) const {
  return std::any_of(target.arguments.begin(), target.arguments.end(),
                     [](const std::string& argument) {
                       return absl::StartsWith(argument, "--gtest_filter");
                     });
}

void GtestDiscoverer::Discover(const Target& target,
                               const DiscoveryOptions& options,
                               DiscoverySink& sink) const {
  if (std::optional<std::string> why = WhyNotAProgram(target.path);
      why.has_value()) {
    sink.AddError({target.path, *std::move(why)});
    return;
  }
  std::error_code error;
  SuiteSpec suite;
  suite.name = target.path;
  suite.runner = kGtestRunner;
  suite.program =
      std::filesystem::absolute(target.path, error).lexically_normal().string();
  suite.arguments = target.arguments;
  suite.env = ClearGtestVariables(options.env, options.named_env);
  suite.working_directory = std::filesystem::current_path(error).string();
  const bool also_run_disabled = AlsoRunDisabled(target, options);
  GtestSuiteOptions suite_options;
  suite_options.also_run_disabled = also_run_disabled;
  if (options.gtest_shuffle) {
    suite_options.shuffle_seed = options.gtest_seed;
  }
  suite.options = ToString(suite_options);

  absl::StatusOr<List> list =
      AskForList(suite.program, target, options, suite.env, sink);
  if (!list.ok()) {
    if (list.status().code() != absl::StatusCode::kCancelled) {
      sink.AddError({target.path, std::string(list.status().message())});
    }
    return;
  }
  if (!list->status.exited() || list->status.exit_code() != 0) {
    sink.AddNote(absl::StrCat(target.path,
                              " listed its tests and then ended badly (",
                              Describe(list->status),
                              "): they are run, but see what it does when it "
                              "is asked for --gtest_list_tests."));
  }
  if (list->cases.empty()) {
    return;
  }
  suite.scopes_share_setup = FindSuiteSetUp(suite.program) != SuiteSetUp::kNone;
  const SuiteIndex index = sink.AddSuite(std::move(suite));
  absl::flat_hash_map<std::string, int> times;
  for (const ListedCase& listed : list->cases) {
    ++times[FullName(listed.suite, listed.name)];
  }
  absl::flat_hash_set<std::string> seen;
  std::uint32_t position = 0;
  for (ListedCase& listed : list->cases) {
    TestSpec test;
    test.suite = index;
    test.name = FullName(listed.suite, listed.name);
    // The place among all, and whether there are others of this name: two
    // namespaces may hold the same Suite.Case.
    test.payload = absl::StrCat(position++, times[test.name] > 1 ? "+" : "");
    if (!seen.insert(test.name).second) {
      Log(LogLevel::kInfo,
          absl::StrCat("listed more than once, runs as one test target=",
                       target.path, " test=", test.name));
      continue;
    }
    test.scope = listed.suite;
    test.file = std::move(listed.file);
    test.line = listed.line;
    if (!also_run_disabled && IsDisabled(listed.suite, listed.name)) {
      test.skip_reason = "disabled";
    }
    sink.AddTest(std::move(test));
  }
}

}  // namespace paceline
