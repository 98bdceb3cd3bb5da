#include "cli/targets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"
#include "common/config/nearest.h"
#include "worker/command/command_discoverer.h"
#include "worker/ctest/ctest_discoverer.h"
#include "worker/external/external_discoverer.h"
#include "worker/gtest/gtest_discoverer.h"
#include "worker/python/python_discoverer.h"

namespace paceline {
namespace {

absl::Status Sentence(const std::string& text) {
  return absl::InvalidArgumentError(text);
}

absl::StatusOr<const Discoverer*> FindRunner(
    const std::string& name,
    const std::vector<std::unique_ptr<Discoverer>>& discoverers) {
  std::vector<std::string> names;
  for (const auto& discoverer : discoverers) {
    if (discoverer->runner() == name) {
      return discoverer.get();
    }
    names.emplace_back(discoverer->runner());
  }
  return Sentence(absl::StrCat("--runner: there is no runner \"", name,
                               "\"; the nearest is ", Nearest(name, names),
                               " (of ", absl::StrJoin(names, ", "), ")"));
}

// The sentence for something that is there and that no runner recognises.
std::string WhyNobodys(const std::string& path, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) {
    return absl::StrCat(path,
                        " is a directory without a CTestTestfile.cmake, so no "
                        "CTest build directory, and without Python tests. Name "
                        "the directory that cmake -B was given, after "
                        "enable_testing(), or one with test_*.py.");
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::StrCat(path, " is neither a file nor a directory.");
  }
  if (access(path.c_str(), X_OK) != 0) {
    return absl::StrCat(path,
                        " is not executable, and no kind of test file that "
                        "paceline knows. For a file with one command a line "
                        "add --runner command.");
  }
  return absl::StrCat(path,
                      " is a program without GoogleTest in it. To run it as "
                      "one test: paceline run -- ",
                      ShellQuote(path),
                      "; if it is a script that starts a GoogleTest program, "
                      "add --runner gtest.");
}

}  // namespace

std::vector<std::unique_ptr<Discoverer>> AllDiscoverers() {
  std::vector<std::unique_ptr<Discoverer>> all;
  all.push_back(std::make_unique<GtestDiscoverer>());
  all.push_back(std::make_unique<CtestDiscoverer>());
  for (const char* runner : {"pytest", "unittest", "doctest"}) {
    all.push_back(std::make_unique<PythonDiscoverer>(runner));
  }
  all.push_back(std::make_unique<CommandDiscoverer>());
  all.push_back(std::make_unique<ExternalDiscoverer>());
  return all;
}

absl::StatusOr<std::vector<ChosenTarget>> ChooseTargets(
    const NamedTargets& named,
    const std::vector<std::unique_ptr<Discoverer>>& discoverers) {
  const Discoverer* asked_for = nullptr;
  if (!named.runner.empty()) {
    absl::StatusOr<const Discoverer*> found =
        FindRunner(named.runner, discoverers);
    if (!found.ok()) {
      return found.status();
    }
    asked_for = *found;
  }
  std::vector<ChosenTarget> chosen;
  if (named.paths.empty() && named.arguments.has_value() &&
      !named.arguments->empty()) {
    if (asked_for != nullptr && asked_for->runner() != kCommandRunner) {
      return Sentence(absl::StrCat("--runner ", named.runner,
                                   " needs a target in front of --"));
    }
    if (named.arguments->front().empty()) {
      return Sentence(
          "the command behind -- is empty: name a program, as in paceline run "
          "-- ./check.sh");
    }
    ChosenTarget command;
    command.target = {"", *named.arguments};
    command.title = absl::StrJoin(*named.arguments, " ");
    command.discoverer = *FindRunner(kCommandRunner, discoverers);
    chosen.push_back(std::move(command));
    return chosen;
  }
  if (named.paths.empty()) {
    return Sentence(
        "nothing to run: name a CTest build directory, a GoogleTest program or "
        "Python tests, as in paceline run build/, or a command, as in paceline "
        "run -- ./check.sh");
  }
  for (const std::string& path : named.paths) {
    struct stat info {};
    // A Python test may be named by its node id, or a module by dots.
    const bool dotted =
        asked_for != nullptr &&
        (asked_for->runner() == "unittest" || asked_for->runner() == "doctest");
    if (!dotted && stat(FileOfNodeId(path).c_str(), &info) != 0) {
      return Sentence(
          absl::StrCat(path, " cannot be looked at (", std::strerror(errno),
                       "). Check the path, and whether it is built."));
    }
    ChosenTarget target;
    target.target.path = path;
    target.target.arguments =
        named.arguments.value_or(std::vector<std::string>());
    target.title = path;
    target.discoverer = asked_for;
    for (const auto& discoverer : discoverers) {
      if (target.discoverer == nullptr && discoverer->Recognises(path)) {
        target.discoverer = discoverer.get();
      }
    }
    if (target.discoverer == nullptr) {
      return Sentence(WhyNobodys(path, info));
    }
    chosen.push_back(std::move(target));
  }
  return chosen;
}

absl::Status CheckKeysFit(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& given,
    const std::vector<ChosenTarget>& chosen,
    const std::vector<std::unique_ptr<Discoverer>>& discoverers) {
  const auto owns = [](const Discoverer& discoverer, const std::string& key) {
    const std::vector<std::string> keys = discoverer.own_keys();
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  for (const auto& [key, values] : given) {
    std::vector<std::string> owners;
    for (const auto& discoverer : discoverers) {
      if (owns(*discoverer, key)) {
        owners.emplace_back(discoverer->runner());
      }
    }
    const bool fits = std::any_of(chosen.begin(), chosen.end(),
                                  [&, &name = key](const ChosenTarget& target) {
                                    return owns(*target.discoverer, name);
                                  });
    if (!owners.empty() && !fits) {
      return Sentence(absl::StrCat(
          "--", key, " means something to ", absl::StrJoin(owners, " and "),
          " targets alone, and none of the targets is one. --filter and "
          "--label select in all of them."));
    }
  }
  return absl::OkStatus();
}

}  // namespace paceline
