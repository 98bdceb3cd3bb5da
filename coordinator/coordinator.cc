#include "coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "coordinator/coordinator_impl.h"

namespace paceline {
namespace {

// How often silence, claims and the like are looked at.
constexpr Duration kLookInterval = std::chrono::milliseconds(100);
// Without agents and runs there is nothing to look at.
constexpr Duration kIdleInterval = std::chrono::seconds(60);
// The loop came round this much later than it had asked for: it stood still.
constexpr Duration kStall = std::chrono::milliseconds(500);

}  // namespace

void Coordinator::Impl::OnMalformed(Instant now, absl::string_view peer,
                                    const absl::Status& why) {
  if (const auto unsaid = malformed_.Say(now)) {
    Log(LogLevel::kWarning,
        absl::StrCat("refused what is no message: ", why.message(),
                     *unsaid == 0 ? ""
                                  : absl::StrCat("; and ", *unsaid,
                                                 " more since the last")));
  }
  const RefusalCode code = absl::IsUnimplemented(why)
                               ? RefusalCode::kProtocolVersion
                               : RefusalCode::kMalformed;
  Send(peer, Refused{code, std::string(why.message())});
}

bool Coordinator::Impl::Shutdown() {
  const Refused refused{RefusalCode::kShuttingDown,
                        "the coordinator is shutting down; start it again, and "
                        "then what it was needed for"};
  bool connected = false;
  for (const auto& [peer, agent] : by_peer_) {
    connected |= !absl::IsUnavailable(outbox_->Send(peer, refused));
  }
  for (const auto& [id, run] : runs_) {
    if (!run->ended() && !run->client.peer.empty()) {
      connected |=
          !absl::IsUnavailable(outbox_->Send(run->client.peer, refused));
    }
  }
  return connected;
}

void Coordinator::Impl::OnTick(Instant now) {
  if (!due_.has_value()) {
    // Whoever an earlier life knew can be heard from now on.
    first_turn_ = now;
    for (const auto& [instance, agent] : agents_) {
      agent->last_heard = now;
    }
    for (const auto& [id, run] : runs_) {
      run->client.last_heard = now;
    }
  }
  if (due_.has_value() && now - *due_ >= kStall) {
    // Our own standing still is not their silence.
    const Duration lag = now - *due_;
    for (const auto& [instance, agent] : agents_) {
      agent->last_heard = std::min(now, agent->last_heard + lag);
    }
    for (const auto& [id, run] : runs_) {
      run->client.last_heard = std::min(now, run->client.last_heard + lag);
    }
  }
  if (now >= next_look_) {
    next_look_ = now + kLookInterval;
    LookAtAgents(now);
    LookAtRuns(now);
    work_changed_ = true;
    // What had no room is tried again now, and progress is told.
    for (const auto& [instance, agent] : agents_) {
      untold_agents_.insert(instance);
    }
    for (const auto& [id, run] : runs_) {
      if (!run->ended() || !run->events().empty()) {
        untold_runs_.insert(id);
      }
    }
  }
  if (work_changed_) {
    GrantUnits(now);
  }
  TellRuns(now);
  TellAgents();
  due_ = next_deadline();
}

Instant Coordinator::Impl::next_deadline() const {
  if (agents_.empty() && runs_.empty()) {
    return next_look_ + kIdleInterval;
  }
  return next_look_;
}

Coordinator::Coordinator(CoordinatorOptions options, Journal* journal,
                         CoordinatorOutbox* outbox)
    : impl_(std::make_unique<Impl>(std::move(options), journal, outbox)) {}

Coordinator::~Coordinator() = default;

absl::Status Coordinator::Recover(Instant now) { return impl_->Recover(now); }

bool Coordinator::ready() const { return impl_->ready(); }

void Coordinator::OnMessage(Instant now, absl::string_view peer,
                            Message message) {
  impl_->OnMessage(now, peer, std::move(message));
}

void Coordinator::OnMalformed(Instant now, absl::string_view peer,
                              const absl::Status& why) {
  impl_->OnMalformed(now, peer, why);
}

bool Coordinator::Shutdown() { return impl_->Shutdown(); }

void Coordinator::OnTick(Instant now) { impl_->OnTick(now); }

Instant Coordinator::next_deadline() const { return impl_->next_deadline(); }

}  // namespace paceline
