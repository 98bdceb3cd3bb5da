#include "worker/external/external_discoverer.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"
#include "worker/discovery/run_listing.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxLine = 16 * 1024;

// Hands each line of a listing to the sink.
class Listing {
 public:
  Listing(SuiteIndex suite, DiscoverySink& sink) : suite_(suite), sink_(sink) {}

  absl::Status Take(absl::string_view chunk) {
    while (!chunk.empty()) {
      const std::size_t end = chunk.find('\n');
      line_.append(chunk.data(), std::min(end, chunk.size()));
      if (line_.size() > kMaxLine) {
        return absl::InvalidArgumentError(
            absl::StrCat("a line of the listing is longer than ", kMaxLine,
                         " bytes; is this a worker program?"));
      }
      if (end == absl::string_view::npos) {
        break;
      }
      PACELINE_RETURN_IF_ERROR(Add());
      chunk.remove_prefix(end + 1);
    }
    return absl::OkStatus();
  }

  // The last line may lack its end.
  absl::Status Finish() { return Add(); }

 private:
  absl::Status Add() {
    ++number_;
    if (!line_.empty()) {
      TestSpec test;
      test.suite = suite_;
      if (const std::size_t tab = line_.find('\t'); tab != std::string::npos) {
        test.scope = line_.substr(0, tab);
        test.name = line_.substr(tab + 1);
        if (test.name.empty()) {
          return absl::InvalidArgumentError(absl::StrCat(
              "its line for scope ", test.scope, " names no test"));
        }
      } else {
        test.name = line_;
      }
      // The worker is told nothing but the name.
      if (!names_.insert(test.name).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", number_, " lists ", test.name,
                         " again; give each test a name of its own"));
      }
      sink_.AddTest(std::move(test));
    }
    line_.clear();
    return absl::OkStatus();
  }

  SuiteIndex suite_;
  DiscoverySink& sink_;
  std::string line_;
  std::size_t number_ = 0;
  absl::flat_hash_set<std::string> names_;
};

}  // namespace

bool ExternalDiscoverer::Recognises(const std::string& /*path*/) const {
  return false;
}

void ExternalDiscoverer::Discover(const Target& target,
                                  const DiscoveryOptions& options,
                                  DiscoverySink& sink) const {
  std::error_code error;
  const std::filesystem::path program =
      std::filesystem::absolute(target.path, error);
  const auto fail = [&](absl::string_view why) {
    sink.AddError({target.path, std::string(why)});
  };

  SuiteSpec suite;
  suite.name = target.path;
  suite.runner = std::string(runner());
  suite.program = program;
  suite.arguments = target.arguments;
  suite.worker = {program};
  suite.worker.insert(suite.worker.end(), target.arguments.begin(),
                      target.arguments.end());
  suite.working_directory = std::filesystem::current_path(error);
  suite.scopes_share_setup = true;
  Listing listing(sink.AddSuite(std::move(suite)), sink);

  ListingCommand command;
  command.program = program;
  command.argv = {program, "--paceline-list"};
  command.argv.insert(command.argv.end(), target.arguments.begin(),
                      target.arguments.end());
  command.env = options.env;
  command.timeout = options.timeout;
  command.cancelled = [&sink] { return sink.cancelled(); };
  const auto end = RunListing(command, [&listing](absl::string_view chunk) {
    return listing.Take(chunk);
  });
  if (!end.ok()) {
    fail(absl::StrCat("`", target.path,
                      " --paceline-list` failed: ", end.status().message()));
    return;
  }
  if (const absl::Status last = listing.Finish(); !last.ok()) {
    fail(absl::StrCat("`", target.path,
                      " --paceline-list` failed: ", last.message()));
    return;
  }
  if (!end->status.exited() || end->status.exit_code() != 0) {
    fail(absl::StrCat("`", target.path, " --paceline-list` ended with ",
                      Describe(end->status),
                      "; a worker program lists its tests and exits 0. ",
                      end->error_tail));
  }
}

}  // namespace paceline
