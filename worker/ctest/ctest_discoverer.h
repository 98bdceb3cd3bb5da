// Discovery of the tests of a CTest build directory, by asking ctest.
//
// What ctest's listing leaves out is found here: the default timeout, tests
// that are not available in the configuration asked for, programs that are not
// built, and that the tests wait for each other in a circle.

#ifndef PACELINE_WORKER_CTEST_CTEST_DISCOVERER_H_
#define PACELINE_WORKER_CTEST_CTEST_DISCOVERER_H_

#include <string>

#include "worker/discovery/discovery.h"

namespace paceline {

inline constexpr char kCtestRunner[] = "ctest";

class CtestDiscoverer final : public Discoverer {
 public:
  absl::string_view runner() const override { return kCtestRunner; }
  bool Recognises(const std::string& path) const override;
  std::vector<std::string> own_keys() const override;
  bool Selects(const Target& target,
               const DiscoveryOptions& options) const override;
  // A target's arguments go to ctest, with its own selection.
  void Discover(const Target& target, const DiscoveryOptions& options,
                DiscoverySink& sink) const override;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CTEST_DISCOVERER_H_
