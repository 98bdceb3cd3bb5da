// Runs one generated tree with ctest and with the runner, and compares them
// verdict by verdict.

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/os/subprocess.h"
#include "tests/support/program.h"
#include "tests/support/worker_fakes.h"
#include "worker/ctest/ctest_discoverer.h"
#include "worker/ctest/ctest_worker.h"

namespace paceline {
namespace {

struct Case {
  const char* name;
  const char* script;
  // As set_tests_properties takes them.
  const char* properties = "";
};

constexpr char kSegv[] = "echo text; kill -SEGV $$";

// Who beats whom.
constexpr Case kCases[] = {
    {"exit_0", "exit 0"},
    {"exit_3", "exit 3"},
    {"segv", kSegv},
    {"abort", "kill -ABRT $$"},
    {"kill", "kill -KILL $$"},
    {"term", "kill -TERM $$"},
    {"exit_139", "exit 139"},
    {"will_fail_0", "exit 0", "WILL_FAIL ON"},
    {"will_fail_3", "exit 3", "WILL_FAIL ON"},
    {"will_fail_segv", kSegv, "WILL_FAIL ON"},
    {"pass_found", "echo text", "PASS_REGULAR_EXPRESSION text"},
    {"pass_missing", "echo other", "PASS_REGULAR_EXPRESSION text"},
    {"pass_found_exit_3", "echo text; exit 3", "PASS_REGULAR_EXPRESSION text"},
    {"pass_found_segv", kSegv, "PASS_REGULAR_EXPRESSION text"},
    {"pass_second", "echo b", "PASS_REGULAR_EXPRESSION \"a;b\""},
    {"pass_on_stderr", "echo text >&2", "PASS_REGULAR_EXPRESSION text"},
    {"pass_across_streams", "echo one; echo two >&2",
     "PASS_REGULAR_EXPRESSION \"one\ntwo\""},
    {"pass_will_fail_found", "echo text",
     "PASS_REGULAR_EXPRESSION text WILL_FAIL ON"},
    {"pass_will_fail_missing", "echo other",
     "PASS_REGULAR_EXPRESSION text WILL_FAIL ON"},
    {"fail_found", "echo text", "FAIL_REGULAR_EXPRESSION text"},
    {"fail_missing", "echo other", "FAIL_REGULAR_EXPRESSION text"},
    {"fail_missing_exit_3", "exit 3", "FAIL_REGULAR_EXPRESSION text"},
    {"fail_found_will_fail", "echo text",
     "FAIL_REGULAR_EXPRESSION text WILL_FAIL ON"},
    {"fail_and_pass_found", "echo text",
     "FAIL_REGULAR_EXPRESSION text PASS_REGULAR_EXPRESSION text"},
    {"skip_found", "echo text", "SKIP_REGULAR_EXPRESSION text"},
    {"skip_missing", "echo other", "SKIP_REGULAR_EXPRESSION text"},
    {"skip_found_exit_1", "echo text; exit 1", "SKIP_REGULAR_EXPRESSION text"},
    {"skip_found_segv", kSegv, "SKIP_REGULAR_EXPRESSION text"},
    {"skip_and_fail_found", "echo text",
     "SKIP_REGULAR_EXPRESSION text FAIL_REGULAR_EXPRESSION text"},
    {"skip_and_pass_missing", "echo text",
     "SKIP_REGULAR_EXPRESSION text PASS_REGULAR_EXPRESSION other"},
    {"skip_found_will_fail", "echo text; exit 1",
     "SKIP_REGULAR_EXPRESSION text WILL_FAIL ON"},
    {"skip_code", "exit 77", "SKIP_RETURN_CODE 77"},
    {"skip_code_0", "exit 0", "SKIP_RETURN_CODE 0"},
    {"skip_code_other", "exit 3", "SKIP_RETURN_CODE 77"},
    {"skip_code_will_fail", "exit 77", "SKIP_RETURN_CODE 77 WILL_FAIL ON"},
    {"skip_code_fail_found", "echo text; exit 77",
     "SKIP_RETURN_CODE 77 FAIL_REGULAR_EXPRESSION text"},
    {"skip_code_segv", kSegv, "SKIP_RETURN_CODE 139"},
    {"skip_code_too_large", "exit 1", "SKIP_RETURN_CODE 257"},
    {"disabled", "exit 3", "DISABLED ON"},
    // How the output is put together before it is matched.
    {"begin_of_output", "echo one; echo two", "PASS_REGULAR_EXPRESSION ^two"},
    {"end_of_output", "echo one; echo two", "PASS_REGULAR_EXPRESSION one$"},
    {"end_with_newline", "echo text", "PASS_REGULAR_EXPRESSION text$"},
    {"end_without_newline", "printf text", "PASS_REGULAR_EXPRESSION text$"},
    {"end_newline_added", "printf text", "PASS_REGULAR_EXPRESSION \"text\n$\""},
    {"carriage_return", "printf 'a\\r\\nb\\n'",
     "PASS_REGULAR_EXPRESSION \"a\nb\""},
    {"carriage_returns", "printf 'a\\r\\r\\nb\\n'",
     "PASS_REGULAR_EXPRESSION \"a\nb\""},
    {"carriage_return_inside", "printf 'a\\rb\\n'",
     "PASS_REGULAR_EXPRESSION \"a\rb\""},
    {"carriage_return_last", "printf 'a\\r'",
     "PASS_REGULAR_EXPRESSION \"a\r\n$\""},
    {"nul_ends_a_line", "printf 'a\\000b\\n'",
     "PASS_REGULAR_EXPRESSION \"a\nb\""},
    {"dot_matches_newline", "echo a; echo b", "PASS_REGULAR_EXPRESSION a.b"},
    {"no_output", "exit 0", "PASS_REGULAR_EXPRESSION \"^$\""},
    {"no_output_no_newline", "exit 0", "FAIL_REGULAR_EXPRESSION \"\n\""},
    {"braces", "echo aa", "PASS_REGULAR_EXPRESSION \"a{2}\""},
    {"does_not_compile", "echo aa", "PASS_REGULAR_EXPRESSION \"a**\""},
    {"fail_does_not_compile", "echo aa", "FAIL_REGULAR_EXPRESSION \"a**\""},
    {"far_into_the_output",
     "i=0; while [ $i -lt 3000 ]; do echo filler-filler-filler-filler; "
     "i=$((i+1)); done; echo text; while [ $i -gt 0 ]; do echo "
     "filler-filler-filler-filler; i=$((i-1)); done",
     "PASS_REGULAR_EXPRESSION text"},
    // What is needed to start.
    {"no_directory", "exit 0", "WORKING_DIRECTORY /nonexistent/directory"},
    {"no_directory_will_fail", "exit 0",
     "WORKING_DIRECTORY /nonexistent/directory WILL_FAIL ON"},
    {"relative_directory", "test \"$(basename \"$PWD\")\" = below",
     "WORKING_DIRECTORY below"},
    {"required_file", "exit 0", "REQUIRED_FILES /etc/passwd"},
    {"required_file_missing", "exit 0",
     "REQUIRED_FILES \"/etc/passwd;/nonexistent\""},
    {"required_file_relative", "exit 0",
     "WORKING_DIRECTORY below REQUIRED_FILES file"},
    {"required_file_will_fail", "exit 0",
     "REQUIRED_FILES /nonexistent WILL_FAIL ON"},
    // The environment.
    {"environment", "test \"$A\" = '1=2' && test \"$B\" = ''",
     "ENVIRONMENT \"A=1=2;B=\""},
    {"environment_unset", "test -z \"${HOME+x}\"", "ENVIRONMENT HOME"},
    {"environment_of_ctest", "test \"$CTEST_INTERACTIVE_DEBUG_MODE\" = 1"},
    {"modify_set_unset", "test \"$A\" = new && test -z \"${HOME+x}\"",
     "ENVIRONMENT_MODIFICATION \"A=set:new;HOME=unset:\""},
    {"modify_reset", "test \"$A\" = 1",
     "ENVIRONMENT A=1 ENVIRONMENT_MODIFICATION \"A=set:2;A=reset:\""},
    {"modify_strings", "test \"$A\" = 012",
     "ENVIRONMENT A=1 ENVIRONMENT_MODIFICATION "
     "\"A=string_append:2;A=string_prepend:0\""},
    {"modify_paths", "test \"$A\" = /0:/1:/2 && test \"$N\" = /x",
     "ENVIRONMENT A=/1 ENVIRONMENT_MODIFICATION "
     "\"A=path_list_append:/2;A=path_list_prepend:/0;"
     "N=path_list_append:/x\""},
    {"modify_lists", "test \"$A\" = '0;1;2'",
     "ENVIRONMENT A=1 ENVIRONMENT_MODIFICATION "
     "\"A=cmake_list_append:2;A=cmake_list_prepend:0\""},
    {"modify_after_unset", "test \"$A\" = 12",
     "ENVIRONMENT A=1 ENVIRONMENT_MODIFICATION \"A=unset:;A=string_append:2\""},
    {"modify_value_with_colon", "test \"$A\" = a:b=c",
     "ENVIRONMENT_MODIFICATION \"A=set:a:b=c\""},
    {"modify_without_operation", "exit 0", "ENVIRONMENT_MODIFICATION A=1"},
    {"modify_without_name", "exit 0", "ENVIRONMENT_MODIFICATION A"},
    {"modify_unknown", "exit 0", "ENVIRONMENT_MODIFICATION A=frobnicate:1"},
};

// A build directory with all of kCases, and what takes more than a script.
void WriteTree(const ScratchDir& dir) {
  std::string file;
  for (const Case& each : kCases) {
    absl::StrAppend(&file, "add_test(", each.name, " /bin/sh -c [==[",
                    each.script, "]==])\n");
    if (*each.properties != '\0') {
      absl::StrAppend(&file, "set_tests_properties(", each.name, " PROPERTIES ",
                      each.properties, ")\n");
    }
  }
  absl::StrAppend(&file, "add_test(no_program /nonexistent/program)\n",
                  "add_test(foo_NOT_BUILT foo_NOT_BUILT)\n",
                  "add_test(no_program_will_fail /nonexistent/program)\n",
                  "set_tests_properties(no_program_will_fail PROPERTIES "
                  "WILL_FAIL ON)\n",
                  "add_test(unavailable NOT_AVAILABLE)\n",
                  "add_test(in_path true)\n",
                  "add_test(empty_argument /bin/sh -c [==[test $# = 2]==] "
                  "sh \"\" \"a;b\")\n",
                  "add_test(no_interpreter ", dir.path(), "/script)\n",
                  "add_test(last /bin/true)\n");
  dir.Write("CTestTestfile.cmake", file);
  dir.Write("below/file", "");
  const std::string script = dir.Write("script", "exit 0\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
}

// A line of ctest's, "12/80 Test  #7: name .....***Failed  why  0.01 sec".
void ReadLine(absl::string_view line, std::map<std::string, Outcome>& out) {
  const std::size_t hash = line.find('#');
  const std::size_t colon = line.find(": ", hash);
  if (!absl::StrContains(line.substr(0, hash), " Test ") || hash == line.npos ||
      colon == line.npos) {
    return;
  }
  const absl::string_view rest = line.substr(colon + 2);
  const std::string name(rest.substr(0, rest.find(' ')));
  constexpr std::pair<const char*, Outcome> kWords[] = {
      {"***Not Run (Disabled)", Outcome::kSkipped},
      {"***Not Run", Outcome::kNotRun},
      {"***Skipped", Outcome::kSkipped},
      {"***Failed", Outcome::kFailed},
      {"***Exception", Outcome::kCrashed},
      {"***Timeout", Outcome::kTimedOut},
      {"   Passed  ", Outcome::kPassed},
  };
  for (const auto& [word, outcome] : kWords) {
    if (absl::StrContains(rest, word)) {
      out[name] = outcome;
      return;
    }
  }
  ADD_FAILURE() << "not understood: " << std::string(line);
}

std::map<std::string, Outcome> AskCtest(const std::string& directory) {
  const std::unique_ptr<Program> ctest =
      RunProgram({"ctest", "-j1"}, {.working_directory = directory});
  std::map<std::string, Outcome> outcomes;
  for (const absl::string_view line : absl::StrSplit(ctest->out(), '\n')) {
    ReadLine(line, outcomes);
  }
  return outcomes;
}

// By our own discovery and runner.
std::map<std::string, TestResult> RunHere(const std::string& directory) {
  RecordingSink sink;
  DiscoveryOptions options;
  options.env = CurrentEnvironment();
  CtestDiscoverer().Discover({directory, {}}, options, sink);
  EXPECT_TRUE(sink.errors.empty());
  EXPECT_EQ(sink.suites.size(), 1U);
  std::map<std::string, TestResult> results;
  WorkerRunUnit unit;
  for (const TestSpec& test : sink.tests) {
    if (test.skip_reason.has_value()) {
      results[test.name].outcome = Outcome::kSkipped;
      continue;
    }
    WorkerTest& asked = unit.tests.emplace_back();
    asked.name = test.name;
    asked.payload = test.payload;
  }
  CtestRunner runner;
  WorkerSuite suite;
  suite.spec = sink.suites.at(0);
  EXPECT_TRUE(runner.Open(suite).ok());
  RecordingReporter reporter;
  EXPECT_TRUE(runner.RunUnit(unit, reporter).ok());
  for (auto& [index, result] : reporter.results) {
    results[unit.tests[index].name] = std::move(result);
  }
  return results;
}

TEST(CtestVerdictTest, EqualsThatOfCtest) {
  const ScratchDir dir;
  WriteTree(dir);
  const std::map<std::string, Outcome> expected = AskCtest(dir.path());
  const std::map<std::string, TestResult> actual = RunHere(dir.path());
  ASSERT_EQ(expected.size(), std::size(kCases) + 8);
  for (const auto& [name, outcome] : expected) {
    const auto found = actual.find(name);
    ASSERT_NE(found, actual.end()) << name;
    EXPECT_EQ(ToString(found->second.outcome), ToString(outcome))
        << name << ": " << found->second.message;
    if (!IsGood(outcome)) {
      EXPECT_NE(found->second.message, "") << name;
    }
  }
  EXPECT_EQ(actual.size(), expected.size());
}

}  // namespace
}  // namespace paceline
