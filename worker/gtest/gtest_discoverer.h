// Discovery of the cases in unmodified GoogleTest programs.

#ifndef PACELINE_WORKER_GTEST_GTEST_DISCOVERER_H_
#define PACELINE_WORKER_GTEST_GTEST_DISCOVERER_H_

#include <string>

#include "worker/discovery/discovery.h"

namespace paceline {

inline constexpr char kGtestRunner[] = "gtest";

// One target is one suite of the manifest; each of GoogleTest's suites is a
// scope of it.
class GtestDiscoverer final : public Discoverer {
 public:
  absl::string_view runner() const override { return kGtestRunner; }
  bool Recognises(const std::string& path) const override;
  bool Selects(const Target& target,
               const DiscoveryOptions& options) const override;
  void Discover(const Target& target, const DiscoveryOptions& options,
                DiscoverySink& sink) const override;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_GTEST_DISCOVERER_H_
