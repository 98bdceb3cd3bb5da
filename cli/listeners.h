// Those who stayed after discovery to hear what becomes of their tests, among
// the others who are told.

#ifndef PACELINE_CLI_LISTENERS_H_
#define PACELINE_CLI_LISTENERS_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/run_observer.h"
#include "worker/discovery/discovery.h"

namespace paceline {

class Listeners final : public RunObserver {
 public:
  // `suite` is the name under which its tests are run; repetitions of it are
  // heard of too. Safe from any thread.
  void Add(std::string suite, std::shared_ptr<ResultListener> listener);

  void OnAttempt(Instant now, const TestRef& test,
                 const AttemptEvent& attempt) override;

  void OnWorkerReport(Instant now, absl::string_view suite,
                      absl::string_view worker, std::string report) override;

  // Tells all that the run is over, and waits for what they have to say, unless
  // `cancelled` says that nobody wants to.
  ResultListener::End Finish(bool interrupted,
                             const std::function<bool()>& cancelled);

 private:
  struct Entry {
    std::string suite;
    std::shared_ptr<ResultListener> listener;
  };

  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace paceline

#endif  // PACELINE_CLI_LISTENERS_H_
