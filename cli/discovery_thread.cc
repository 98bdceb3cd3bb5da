#include "cli/discovery_thread.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/selection.h"

namespace paceline {

void DiscoverAll(const RunFlags& flags,
                 const std::vector<ChosenTarget>& targets,
                 const Selection::Output& output,
                 const std::function<bool()>& cancelled,
                 const Selection::ListenerOutput& listeners) {
  Selection selection(MakeSelectionOptions(flags), output, cancelled,
                      listeners);
  for (const ChosenTarget& target : targets) {
    if (cancelled()) {
      break;
    }
    selection.BeginTarget(target.title);
    target.discoverer->Discover(target.target, flags.discovery, selection);
    if (!selection.EndTarget() && !cancelled() &&
        !target.discoverer->Selects(target.target, flags.discovery)) {
      selection.AddError(
          {target.title,
           absl::StrCat("The ", target.discoverer->runner(), " target ",
                        target.title,
                        " holds no test. Is it the right one, and built with "
                        "its tests?")});
    }
  }
  selection.Finish();
}

DiscoveryThread::DiscoveryThread(const RunFlags& flags,
                                 const std::vector<ChosenTarget>& targets,
                                 DiscoveryFeed& feed, Listeners& listeners)
    : feed_(feed), thread_([&flags, &targets, &feed, &listeners] {
        DiscoverAll(
            flags, targets,
            [&feed](Found found) { feed.Put(std::move(found)); },
            [&feed] { return feed.cancelled(); },
            [&listeners](std::string suite,
                         std::shared_ptr<ResultListener> listener) {
              listeners.Add(std::move(suite), std::move(listener));
            });
      }) {}

DiscoveryThread::~DiscoveryThread() {
  feed_.Cancel();
  thread_.join();
}

}  // namespace paceline
