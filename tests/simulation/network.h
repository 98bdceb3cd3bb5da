// A network between one ROUTER and its DEALERs that delays, drops, repeats and
// cuts.
//
// As ZeroMQ does it: messages of one connection stay in order; a cut loses
// what is on its way in both directions; the DEALER dials again by itself, what
// was sent meanwhile waits for the new connection, and the ROUTER knows that
// one by another name. Beyond what ZeroMQ does, single messages are lost and
// come twice, the second time perhaps much later. Messages travel as bytes.

#ifndef PACELINE_TESTS_SIMULATION_NETWORK_H_
#define PACELINE_TESTS_SIMULATION_NETWORK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/wire/messages.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/random.h"

namespace paceline::simulation {

struct Faults {
  double drop = 0;    // of a message
  double repeat = 0;  // of a message
  double lag = 0;     // that a message, and all behind it, is slow
  // Messages on their way in one direction before its queue is full; 0: no end.
  int queue = 0;
};

class Network {
 public:
  // The ROUTER's input.
  using ToRouter = std::function<void(const std::string& peer, Message)>;
  // A DEALER's input.
  using ToDealer = std::function<void(Message)>;

  Network(EventQueue* events, Random* random)
      : events_(events), random_(random) {}

  // The ROUTER is bound: whoever dials gets through.
  void RouterUp(ToRouter router);
  // The ROUTER's process is gone: all connections are, until another is bound.
  void RouterDown();
  void set_faults(Faults faults) { faults_ = faults; }

  // A DEALER that dials; its number, never given again.
  int Dial(ToDealer dealer);
  // The DEALER is closed; what it sent and is not there yet is lost.
  void Hang(int dealer);

  // kResourceExhausted if the queue is full.
  absl::Status SendToRouter(int dealer, const Message& message);
  // kUnavailable unless a connection of that name is up.
  absl::Status SendToDealer(absl::string_view peer, const Message& message);

  // Cuts the DEALER's connection; it is up again after `down`.
  void Cut(int dealer, Duration down);
  // Nothing gets through for so long, and nothing is lost.
  void Hold(int dealer, Duration time);

  std::vector<int> dealers() const;
  std::uint64_t messages() const { return messages_; }

 private:
  // One direction of a connection.
  struct Lane {
    Instant last_arrival{};
    int queued = 0;
  };
  struct Dealer {
    ToDealer receive;
    std::string peer;  // empty while the connection is down
    std::deque<std::string> waiting;
    Lane up;
    Lane down;
    Instant held_until{};
  };

  void Connect(int number);
  void Carry(int number, Lane& lane, bool up, std::string bytes);
  void Deliver(int number, const std::string& peer, bool up,
               const std::string& bytes);
  Duration Latency();
  bool Full(int queued) const {
    return faults_.queue > 0 && queued >= faults_.queue;
  }

  EventQueue* const events_;
  Random* const random_;
  Faults faults_;
  ToRouter router_;
  std::map<int, Dealer> dealers_;
  int last_dealer_ = 0;
  int last_peer_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace paceline::simulation

#endif  // PACELINE_TESTS_SIMULATION_NETWORK_H_
