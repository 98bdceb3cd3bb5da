// A pytest session that stays for a run, as somebody who hears its results.

#ifndef PACELINE_WORKER_PYTHON_COLLECTOR_LISTENER_H_
#define PACELINE_WORKER_PYTHON_COLLECTOR_LISTENER_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "worker/discovery/discovery.h"
#include "worker/python/collector_process.h"

namespace paceline {

class CollectorListener final : public ResultListener {
 public:
  // `target` is for sentences.
  explicit CollectorListener(std::string target);

  // All is collected; `wanted` says which results the plugins need. Those that
  // came before, since tests run while others are still being found, are told
  // now.
  void Begin(std::unique_ptr<CollectorProcess> process,
             const Collected& wanted);

  void OnResult(HeardResult result) override;
  void OnWorkerReport(std::string worker, std::string report) override;
  // Where nothing began, there is nothing to say.
  End Finish(bool interrupted, const std::function<bool()>& cancelled) override;

 private:
  void Tell(HeardResult result);

  const std::string target_;
  std::mutex mutex_;
  std::unique_ptr<CollectorProcess> process_;
  std::vector<HeardResult> early_;
  std::vector<CollectorLeaving> early_reports_;
  bool all_ = false;
  bool none_ = false;
  absl::flat_hash_set<std::string> also_;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_PYTHON_COLLECTOR_LISTENER_H_
