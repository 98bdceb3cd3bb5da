// What the tests of one listing say of each other: names, order and fixtures.
//
// A listing has names more than once, and in DEPENDS both what the project
// wrote and what ctest added for fixtures. This sorts both out, holding no
// more of a test than its names.

#ifndef PACELINE_WORKER_CTEST_TEST_GRAPH_H_
#define PACELINE_WORKER_CTEST_TEST_GRAPH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "worker/ctest/listing.h"

namespace paceline {

class TestGraph {
 public:
  // All tests are added, in order, before anything below is asked.
  void Add(const ListedTest& listed);

  std::size_t size() const { return size_; }

  // The name, unique in its suite, of the `occurrence`th test (from 1) that
  // the listing calls `name`.
  std::string UniqueName(const std::string& name,
                         std::uint32_t occurrence) const;

  // Names of the tests that DEPENDS makes `listed`, the `occurrence`th of its
  // name, wait for; without those that its fixtures make it wait for anyway. Of
  // tests with one name ctest means the first, which keeps it.
  std::vector<std::string> After(const ListedTest& listed,
                                 std::uint32_t occurrence) const;

  // Whether a test other than a fixture's clean-up waits for `name` by DEPENDS:
  // projects older than fixtures start their servers so.
  bool IsAwaited(const std::string& name) const {
    return awaited_.contains(name);
  }

  // Names along a cycle of DEPENDS, the first one again at the end; empty if
  // there is none. With a cycle ctest runs no test at all.
  std::vector<std::string> FindCycle() const;

 private:
  using Names = absl::flat_hash_set<std::string>;

  bool ExplainedByFixture(const Constraints& constraints,
                          const std::string& name) const;

  struct Dependent {
    std::string name;
    std::vector<std::string> depends;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t size_ = 0;
  // The first test of each name: its position among the dependents, kNone if
  // it depends on nothing.
  absl::flat_hash_map<std::string, std::size_t> names_;
  // Tests that depend on others, in the listing's order.
  std::vector<Dependent> dependents_;
  Names awaited_;
  // By fixture.
  absl::flat_hash_map<std::string, Names> setups_;
  absl::flat_hash_map<std::string, Names> users_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_TEST_GRAPH_H_
