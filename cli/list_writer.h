// What `paceline list` says of what would run: suites, scopes, tests and what
// is settled of their units, for people or as JSON.
//
// Units are cut while a run goes on, from what tests take. What is known before
// is which tests stay together and which go alone.

#ifndef PACELINE_CLI_LIST_WRITER_H_
#define PACELINE_CLI_LIST_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "cli/discovery_feed.h"
#include "common/model/manifest.h"

namespace paceline {

class ListWriter {
 public:
  using Sink = std::function<void(absl::string_view)>;

  // Either may be empty. `verbose`: with positions and labels.
  ListWriter(bool verbose, Sink text, Sink json);

  // Suites, tests, errors and the end, in the order of discovery. Notes are for
  // others to show.
  void Take(const Found& found);
  void Finish();

  std::uint64_t tests() const { return tests_; }
  std::uint64_t errors() const { return errors_; }
  const DiscoveryOver& over() const { return over_; }

 private:
  struct Suite {
    SuiteSpec spec;
    std::uint64_t tests = 0;
    // Tests of each scope; without those that have none.
    absl::btree_map<std::string, std::uint64_t> scopes;
  };

  void TakeSuite(const SuiteSpec& spec);
  void TakeTest(const TestSpec& test);
  void PrintTest(const TestSpec& test);
  void Line(const Sink& sink, std::string& pending, absl::string_view line);

  const bool verbose_;
  const Sink text_;
  const Sink json_;
  std::string pending_text_;
  std::string pending_json_;
  std::vector<Suite> suites_;
  // The suite and scope whose headings were printed last.
  int last_suite_ = -1;
  std::string last_scope_;
  std::uint64_t tests_ = 0;
  std::uint64_t alone_ = 0;
  std::uint64_t errors_ = 0;
  DiscoveryOver over_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_LIST_WRITER_H_
