#include "tests/simulation/network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/wire/codec.h"

namespace paceline::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What a message speaks of, for who replays a seed.
std::string Tokens(const Message& message) {
  std::string text;
  std::visit(
      [&text](const auto& one) {
        if constexpr (requires { one.tokens; }) {
          for (const Token& token : one.tokens) {
            absl::StrAppend(&text, " ", ToString(token));
          }
        } else if constexpr (requires { one.leases; }) {
          for (const Lease& lease : one.leases) {
            absl::StrAppend(&text, " ", ToString(lease.token));
          }
        } else if constexpr (requires { one.held; }) {
          for (const HeldLease& lease : one.held) {
            absl::StrAppend(&text, " ", ToString(lease.token));
          }
        }
      },
      message);
  return text;
}

}  // namespace

int Network::Dial(ToDealer dealer) {
  const int number = ++last_dealer_;
  dealers_[number].receive = std::move(dealer);
  events_->After(Latency(), [this, number] { Connect(number); });
  return number;
}

void Network::Hang(int dealer) { dealers_.erase(dealer); }

void Network::Connect(int number) {
  const auto it = dealers_.find(number);
  if (it == dealers_.end() || !it->second.peer.empty() || !router_) {
    return;
  }
  Dealer& dealer = it->second;
  dealer.up.queued = 0;
  dealer.down.queued = 0;
  dealer.peer = absl::StrCat("peer-", ++last_peer_);
  for (std::string& bytes : std::exchange(dealer.waiting, {})) {
    Carry(number, dealer.up, /*up=*/true, std::move(bytes));
  }
}

void Network::RouterUp(ToRouter router) {
  router_ = std::move(router);
  for (const auto& [number, dealer] : dealers_) {
    events_->After(random_->Between(milliseconds(1), seconds(2)),
                   [this, number = number] { Connect(number); });
  }
}

void Network::RouterDown() {
  router_ = nullptr;
  for (auto& [number, dealer] : dealers_) {
    dealer.peer.clear();
  }
}

absl::Status Network::SendToRouter(int dealer, const Message& message) {
  const auto it = dealers_.find(dealer);
  PACELINE_CHECK(it != dealers_.end());
  if (Full(it->second.peer.empty() ? static_cast<int>(it->second.waiting.size())
                                   : it->second.up.queued)) {
    return absl::ResourceExhaustedError("the queue is full");
  }
  std::string bytes = Encode(message);
  if (it->second.peer.empty()) {
    it->second.waiting.push_back(std::move(bytes));
  } else {
    Carry(dealer, it->second.up, /*up=*/true, std::move(bytes));
  }
  return absl::OkStatus();
}

absl::Status Network::SendToDealer(absl::string_view peer,
                                   const Message& message) {
  for (auto& [number, dealer] : dealers_) {
    if (dealer.peer == peer) {
      if (Full(dealer.down.queued)) {
        return absl::ResourceExhaustedError("the queue is full");
      }
      Carry(number, dealer.down, /*up=*/false, Encode(message));
      return absl::OkStatus();
    }
  }
  return absl::UnavailableError(absl::StrCat(peer, " is gone"));
}

Duration Network::Latency() {
  return random_->Chance(faults_.lag)
             ? random_->Between(milliseconds(5), seconds(3))
             : random_->Between(microseconds(50), microseconds(2000));
}

void Network::Carry(int number, Lane& lane, bool up, std::string bytes) {
  ++messages_;
  const bool dropped = random_->Chance(faults_.drop);
  if (LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug,
        absl::StrCat(FormatDuration(events_->now().time_since_epoch()), " ",
                     dealers_.at(number).peer, up ? " -> " : " <- ",
                     Name(*Decode(bytes)), Tokens(*Decode(bytes)),
                     dropped ? " dropped" : ""));
  }
  if (dropped) {
    return;
  }
  Dealer& dealer = dealers_.at(number);
  lane.last_arrival = std::max(
      {lane.last_arrival, events_->now() + Latency(), dealer.held_until});
  ++lane.queued;
  events_->At(lane.last_arrival, [this, number, up, peer = dealer.peer] {
    const auto it = dealers_.find(number);
    if (it != dealers_.end() && it->second.peer == peer) {
      --(up ? it->second.up : it->second.down).queued;
    }
  });
  const auto deliver = [this, number, up, peer = dealer.peer,
                        bytes = std::move(bytes)] {
    Deliver(number, peer, up, bytes);
  };
  events_->At(lane.last_arrival, deliver);
  if (random_->Chance(faults_.repeat)) {
    events_->At(lane.last_arrival +
                    (random_->Chance(0.5)
                         ? Duration::zero()
                         : random_->Between(milliseconds(1), seconds(20))),
                deliver);
  }
}

void Network::Deliver(int number, const std::string& peer, bool up,
                      const std::string& bytes) {
  const auto it = dealers_.find(number);
  if (it == dealers_.end() || it->second.peer != peer) {
    return;  // lost with its connection
  }
  absl::StatusOr<Message> message = Decode(bytes);
  // Whatever one of ours says must be fit to be heard.
  PACELINE_CHECK(message.ok());
  if (up) {
    router_(peer, *std::move(message));
  } else {
    it->second.receive(*std::move(message));
  }
}

void Network::Cut(int dealer, Duration down) {
  const auto it = dealers_.find(dealer);
  if (it == dealers_.end() || it->second.peer.empty()) {
    return;
  }
  it->second.peer.clear();
  events_->After(down, [this, dealer] { Connect(dealer); });
}

void Network::Hold(int dealer, Duration time) {
  if (const auto it = dealers_.find(dealer); it != dealers_.end()) {
    it->second.held_until = events_->now() + time;
  }
}

std::vector<int> Network::dealers() const {
  std::vector<int> numbers;
  for (const auto& [number, dealer] : dealers_) {
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace paceline::simulation
