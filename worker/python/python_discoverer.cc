#include "worker/python/python_discoverer.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/python/collector_listener.h"
#include "worker/python/collector_process.h"
#include "worker/python/pytest_arguments.h"
#include "worker/python/python_finder.h"
#include "worker/python/python_worker.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

// Entries of a folder that are looked at to tell whether it holds tests.
constexpr int kMaxLookedAt = 5000;

bool IsTestFileName(const std::string& name) {
  return absl::EndsWith(name, ".py") &&
         (absl::StartsWith(name, "test_") || absl::EndsWith(name, "_test.py") ||
          name == "conftest.py");
}

bool FileSays(const fs::path& path, absl::string_view text) {
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  return absl::StrContains(all, text);
}

bool ConfiguresPytest(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "pytest.ini", error) ||
         fs::exists(folder / "conftest.py", error) ||
         FileSays(folder / "pyproject.toml", "[tool.pytest") ||
         FileSays(folder / "setup.cfg", "[tool:pytest]") ||
         FileSays(folder / "tox.ini", "[pytest]");
}

bool HoldsTestFiles(const fs::path& folder) {
  std::error_code error;
  int looked = 0;
  for (fs::recursive_directory_iterator
           it(folder, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end && looked < kMaxLookedAt; it.increment(error)) {
    ++looked;
    const std::string name = it->path().filename().string();
    if (it->is_directory(error)) {
      if (absl::StartsWith(name, ".") || name == "node_modules") {
        it.disable_recursion_pending();
      }
    } else if (IsTestFileName(name)) {
      return true;
    }
  }
  return false;
}

// The conversation of one discovery.
class Collection {
 public:
  Collection(const std::string& runner, const Target& target,
             const DiscoveryOptions& options, DiscoverySink& sink)
      : runner_(runner), target_(target), options_(options), sink_(sink) {}

  void Run() {
    const absl::StatusOr<std::string> python =
        FindPython({options_.python.python, FileOfNodeId(target_.path), runner_,
                    options_.env});
    if (!python.ok()) {
      Fail(std::string(python.status().message()));
      return;
    }
    python_ = *python;
    auto process = CollectorProcess::Start(python_, runner_, options_.env);
    if (!process.ok()) {
      Fail(std::string(process.status().message()));
      return;
    }
    process_ = *std::move(process);
    Ask();
    while (!collected_) {
      absl::StatusOr<FromCollector> message = process_->Receive(
          options_.timeout, [this] { return sink_.cancelled(); });
      if (!message.ok()) {
        GiveUp(message.status());
        return;
      }
      std::visit([this](auto& held) { Take(held); }, *message);
    }
  }

 private:
  void Fail(std::string sentence) {
    sink_.AddError({target_.path, std::move(sentence)});
  }

  void Ask() {
    CollectRequest request;
    request.targets = {target_.path};
    request.arguments = options_.python.arguments;
    request.arguments.insert(request.arguments.end(), target_.arguments.begin(),
                             target_.arguments.end());
    request.unit = options_.python.unit;
    request.collect_first = options_.python.collect_first;
    request.keep = options_.keep_listeners;
    request.kept = !options_.python.no_collection_cache;
    request.partial = options_.partial;
    process_->Send(std::move(request));
  }

  void GiveUp(const absl::Status& status) {
    switch (status.code()) {
      case absl::StatusCode::kCancelled:
        return;
      case absl::StatusCode::kDeadlineExceeded:
        Fail(absl::StrCat(
            "Collecting ", target_.path, " with ", runner_,
            " came to nothing for ", FormatDuration(options_.timeout),
            " and was stopped. A module may hang when it is imported; "
            "--discovery-timeout gives it more time."));
        return;
      case absl::StatusCode::kUnavailable:
        Fail(absl::StrCat("Collecting ", target_.path, " with ", runner_,
                          " in ", python_, " broke off. ",
                          process_->LastWords()));
        return;
      default:
        Fail(absl::StrCat("What the collector of ", target_.path,
                          " says is not understood: ", status.message(), "."));
    }
  }

  void Take(CollectedSuite& found) {
    SuiteSpec suite;
    suite.name = target_.path;
    suite.runner = runner_;
    suite.program = python_;
    suite.env = std::move(found.env);
    suite.env.push_back({kPythonVariable, python_});
    suite.working_directory = std::move(found.working_directory);
    suite.scopes_share_setup = found.scopes_share_setup;
    suite.forks = true;
    suite.last_words = runner_ == "pytest";
    suite.options = std::move(found.options);
    suite_ = sink_.AddSuite(std::move(suite));
    // Before any test: a result may come before the next one is found.
    listener_ = std::make_shared<CollectorListener>(target_.path);
    sink_.AddListener(*suite_, listener_);
  }

  void Take(CollectedTests& found) {
    if (found.tests.empty()) {
      return;  // a sign of life
    }
    if (!suite_.has_value()) {
      Fail("The collector named tests before their suite.");
      collected_ = true;
      return;
    }
    handed_over_ += found.tests.size();
    for (CollectedTest& test : found.tests) {
      TestSpec spec;
      spec.suite = *suite_;
      spec.name = std::move(test.name);
      spec.scope = std::move(test.scope);
      spec.file = std::move(test.file);
      spec.line = test.line;
      spec.labels = std::move(test.labels);
      if (!test.skip_reason.empty()) {
        spec.skip_reason = std::move(test.skip_reason);
      }
      if (test.timeout > Duration::zero()) {
        spec.timeout = test.timeout;
      }
      spec.payload = std::move(test.payload);
      sink_.AddTest(std::move(spec));
    }
  }

  void Take(CollectorError& error) {
    sink_.AddError({std::move(error.target), std::move(error.message)});
  }

  void Take(CollectorNote& note) { sink_.AddNote(std::move(note.text)); }

  void Take(Collected& all) {
    collected_ = true;
    if (all.tests != handed_over_) {
      Fail(absl::StrCat("The collector of ", target_.path, " says that it has ",
                        "found ", all.tests, " tests, and it has handed over ",
                        handed_over_, "."));
    }
    if (listener_ != nullptr) {
      listener_->Begin(std::move(process_), all);
    }
  }

  void Take(CollectorFinished& /*early*/) {
    Fail("The collector left before it had named all tests.");
    collected_ = true;
  }

  const std::string& runner_;
  const Target& target_;
  const DiscoveryOptions& options_;
  DiscoverySink& sink_;
  std::string python_;
  std::unique_ptr<CollectorProcess> process_;
  std::optional<SuiteIndex> suite_;
  std::shared_ptr<CollectorListener> listener_;
  std::uint64_t handed_over_ = 0;
  bool collected_ = false;
};

}  // namespace

std::string FileOfNodeId(const std::string& target) {
  return target.substr(0, target.find("::"));
}

bool PythonDiscoverer::Recognises(const std::string& path) const {
  if (runner_ != "pytest") {
    return false;
  }
  const std::string file = FileOfNodeId(path);
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return ConfiguresPytest(file) || HoldsTestFiles(file);
  }
  return absl::EndsWith(file, ".py") && fs::is_regular_file(file, error);
}

std::vector<std::string> PythonDiscoverer::own_keys() const {
  std::vector<std::string> keys = {"python"};
  if (runner_ == "pytest") {
    keys.insert(keys.end(), {"pytest-arg", "keyword", "markers", "durations",
                             "capture", "pdb", "trace", "unit", "collect-first",
                             "no-collection-cache"});
  }
  return keys;
}

bool PythonDiscoverer::Selects(const Target& target,
                               const DiscoveryOptions& options) const {
  return !options.python.arguments.empty() || !target.arguments.empty();
}

bool PythonDiscoverer::WantsTerminal(const Target& target,
                                     const DiscoveryOptions& options) const {
  if (runner_ != "pytest") {
    return false;
  }
  std::vector<std::string> arguments = options.python.arguments;
  arguments.insert(arguments.end(), target.arguments.begin(),
                   target.arguments.end());
  return PytestWantsTerminal(arguments);
}

std::optional<SuiteSpec> PythonDiscoverer::ExpectedSuite(
    const Target& target, const DiscoveryOptions& options) const {
  const absl::StatusOr<std::string> python = FindPython(
      {options.python.python, FileOfNodeId(target.path), runner_, options.env});
  std::error_code error;
  const std::filesystem::path here = std::filesystem::current_path(error);
  if (!python.ok() || error) {
    return std::nullopt;  // Discover says so
  }
  SuiteSpec suite;
  suite.runner = runner_;
  suite.env.push_back({kPythonVariable, *python});
  suite.working_directory = here.string();
  suite.forks = true;
  return suite;
}

void PythonDiscoverer::Discover(const Target& target,
                                const DiscoveryOptions& options,
                                DiscoverySink& sink) const {
  Collection(runner_, target, options, sink).Run();
}

}  // namespace paceline
