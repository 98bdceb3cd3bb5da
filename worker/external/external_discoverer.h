// Discovery of somebody else's worker program: one that speaks the worker
// protocol itself and lists its tests when asked.
//
// `PROGRAM --paceline-list` prints one test a line, either NAME or
// SCOPE<TAB>NAME, no NAME twice, and exits 0. The agent then starts PROGRAM
// itself as the worker. docs/worker-protocol.md describes both.

#ifndef PACELINE_WORKER_EXTERNAL_EXTERNAL_DISCOVERER_H_
#define PACELINE_WORKER_EXTERNAL_EXTERNAL_DISCOVERER_H_

#include <string>

#include "worker/discovery/discovery.h"

namespace paceline {

class ExternalDiscoverer final : public Discoverer {
 public:
  absl::string_view runner() const override { return "worker"; }
  // Never by looking: any program could be one. `--runner worker` says so.
  bool Recognises(const std::string& path) const override;
  void Discover(const Target& target, const DiscoveryOptions& options,
                DiscoverySink& sink) const override;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_EXTERNAL_EXTERNAL_DISCOVERER_H_
