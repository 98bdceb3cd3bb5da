// The coordinator's numbers, in one place, so that tests can choose them.

#ifndef PACELINE_COORDINATOR_OPTIONS_H_
#define PACELINE_COORDINATOR_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace paceline {

struct CoordinatorOptions {
  // Told in answer to a status request.
  std::string program_version;
  // Where the journal outlives no process: greater than that of any earlier
  // life, so that no token of those is taken for one of this.
  std::uint32_t first_epoch = 1;

  // Between an agent's beats, in a fleet small enough.
  Duration beat_interval = std::chrono::seconds(1);
  // A larger fleet beats more slowly, to send no more than this.
  std::uint32_t max_beats_per_second = 200;
  // An agent silent for this long, and for no fewer beats than
  // `min_lost_beats`, is lost.
  Duration lost_after = std::chrono::seconds(30);
  std::uint32_t min_lost_beats = 5;
  // An agent whose name is claimed and that is silent for so many beats is
  // fenced.
  std::uint32_t fence_beats = 3;
  // An agent whose pool has not turned for this long is shown as stuck and is
  // given nothing; after the second bound its leases are lost.
  Duration stuck_shown_after = std::chrono::seconds(10);
  Duration stuck_lost_after = std::chrono::seconds(120);
  // After a restart, how long agents may take to reclaim what they run.
  Duration adoption_window = std::chrono::seconds(45);
  // And for how long of it nobody else gets the name of one that has not come
  // back: three times the longest back-off of an agent.
  Duration return_window = std::chrono::seconds(15);

  // Between a client's beats.
  Duration client_beat_interval = std::chrono::seconds(5);
  // A run whose last event was seen is forgotten after this long; one whose
  // client never comes back for it after the second.
  Duration forget_seen_after = std::chrono::minutes(1);
  Duration forget_unseen_after = std::chrono::hours(1);

  // Predicted work of a unit of quick tests, and of what an agent holds ahead
  // of each slot.
  Duration unit_target = std::chrono::milliseconds(250);
  // Progress messages of a run are at least this far apart.
  Duration progress_interval = std::chrono::milliseconds(200);
  // Unanswered questions (revoke, stop, a grant that was never seen, events
  // without an acknowledgement) are asked again after this long.
  Duration ask_again_after = std::chrono::seconds(5);
  // A run is given no more units while so much of its events is unseen.
  std::size_t max_unseen_bytes = std::size_t{64} << 20;
  // What a stopped test gets before it is terminated.
  Duration stop_grace = std::chrono::seconds(3);
  // Lost agents a test survives before its verdict is `lost`.
  std::uint32_t max_lost_reruns = 2;
};

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_OPTIONS_H_
