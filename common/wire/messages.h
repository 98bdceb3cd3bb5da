// Fleet protocol, version 1: one plain struct per message.
//
// Agents and clients dial the coordinator; every message is one ZeroMQ frame
// holding a MessagePack array [type, fields…] with the fields in the order
// given here and an arity that is exact for the version. docs/fleet-protocol.md
// says who answers what, and what the loss of each message costs. This file is
// data alone: common/wire/codec.h turns it into bytes and back, and refuses
// what is out of bounds before any logic sees it.
//
// Delivery is at most once and in order within a connection; whatever must not
// be lost is numbered, acknowledged and sent again.

#ifndef PACELINE_COMMON_WIRE_MESSAGES_H_
#define PACELINE_COMMON_WIRE_MESSAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/model/manifest.h"
#include "common/model/outcome.h"
#include "common/model/result.h"

namespace paceline {

inline constexpr std::uint32_t kFleetProtocolVersion = 1;

// No control message is larger, and none names more than this many units or
// tests; longer lists go in several messages.
inline constexpr std::size_t kMaxMessageBytes = 256 * 1024;
inline constexpr std::size_t kMaxNamed = 1024;
// The names of suites, tests, scopes, files, fixtures and the like, without
// NUL; names of agents and hosts and labels of agents are kMaxLabelBytes of
// UTF-8 without control characters.
inline constexpr std::size_t kMaxNameBytes = 16 * 1024;
inline constexpr std::size_t kMaxLabelBytes = 256;
// A suite or a test takes no more: it has to fit into a message with what is
// around it.
inline constexpr std::size_t kMaxSpecBytes = 240 * 1024;
// Slots of one agent.
inline constexpr std::uint32_t kMaxSlots = 4096;
// No number of a part, an item or an event is greater.
inline constexpr std::uint64_t kMaxSequence = std::uint64_t{1} << 62;
// One argument or value of an environment, as long as Linux lets it be.
inline constexpr std::size_t kMaxArgumentBytes = 128 * 1024;
// Output beyond this many bytes leaves its result and goes ahead of it in
// `Output` messages.
inline constexpr std::size_t kMaxInlineOutput = 16 * 1024;
inline constexpr std::size_t kMaxOutputChunk = 64 * 1024;
inline constexpr std::uint32_t kMaxUnackedOutput = 4;

// ---- agent → coordinator ---------------------------------------------------

// A lease an agent holds when it says hello.
struct HeldLease {
  Token token;
  bool started = false;

  friend bool operator==(const HeldLease&, const HeldLease&) = default;
};

// First message of a connection; again after every `Rehello`.
struct Hello {
  std::uint32_t protocol = kFleetProtocolVersion;
  std::string program_version;
  std::string name;
  InstanceId instance;
  std::string host;
  std::uint32_t pid = 0;
  std::uint32_t slots = 0;
  std::vector<std::string> labels;
  std::vector<HeldLease> held;  // at most kMaxNamed: an agent holds no more
  // The number of the first result that was not acknowledged: the next one
  // that is sent.
  std::uint64_t first_result = 1;
  // Of this process's hellos, from 1. A lower one that comes later was on its
  // way on an older connection, and what it says of `held` is not true any
  // more.
  std::uint64_t seq = 1;

  friend bool operator==(const Hello&, const Hello&) = default;
};

// What one slot is doing.
struct SlotProgress {
  RunId run;
  Token token;
  TestIndex test{};
  Duration running{};  // since the test started

  friend bool operator==(const SlotProgress&, const SlotProgress&) = default;
};

struct Beat {
  SessionId session{};
  std::uint64_t seq = 0;
  // Age of the pool loop's last turn: old means stuck.
  Duration pool_turn_age{};
  std::vector<SlotProgress> slots;  // the busy ones

  friend bool operator==(const Beat&, const Beat&) = default;
};

// Credit, absolute so that a lost or repeated one does no harm: having
// received `grants_seen` leases in this session, the agent has room for
// `room` more.
struct Want {
  SessionId session{};
  std::uint64_t grants_seen = 0;
  std::uint32_t room = 0;

  friend bool operator==(const Want&, const Want&) = default;
};

// The first tests of these units may be starting; waits for no answer.
struct Started {
  SessionId session{};
  std::vector<Token> tokens;

  friend bool operator==(const Started&, const Started&) = default;
};

// A piece of a test's output that is too long for its result; sent before it,
// in order, head first.
struct Output {
  SessionId session{};
  std::uint64_t seq = 0;  // from 1 in a session; acknowledged by OutputAck
  Token token;
  TestIndex test{};
  std::uint32_t attempt = 0;
  bool tail = false;
  std::uint32_t offset = 0;  // within head or tail
  std::string data;

  friend bool operator==(const Output&, const Output&) = default;
};

// One attempt of one test. Its key is (run, test, attempt, token).
struct AttemptItem {
  RunId run;
  Token token;
  TestIndex test{};
  std::uint32_t attempt = 0;  // from 1
  // The worker that ran it: unique in the agent's life.
  std::uint32_t worker = 0;
  // Bytes of head and tail that went ahead in Output messages; `result.output`
  // is then empty but for cut_bytes.
  std::uint32_t head_bytes_sent = 0;
  std::uint32_t tail_bytes_sent = 0;
  TestResult result;

  friend bool operator==(const AttemptItem&, const AttemptItem&) = default;
};

struct ExtraItem {
  RunId run;
  Token token;
  std::uint32_t number = 0;  // from 0 within the token
  std::uint32_t worker = 0;
  ExtraResult extra;

  friend bool operator==(const ExtraItem&, const ExtraItem&) = default;
};

// The unit is over; tests of it without an AttemptItem did not start, but for
// those that the agent cut off when it ended the unit, to stop it or to drain:
// the one that ran then, and any that its worker began before it was gone.
struct UnitEndItem {
  RunId run;
  Token token;
  std::uint32_t worker = 0;
  std::vector<TestIndex> interrupted;
  UnitEnd end;

  friend bool operator==(const UnitEndItem&, const UnitEndItem&) = default;
};

// Something people should read in the run's summary ("the memory ceiling
// cannot be met by …").
struct NoteItem {
  RunId run;
  std::string text;

  friend bool operator==(const NoteItem&, const NoteItem&) = default;
};

// What was recorded for a test of the lease whose AttemptItem went before;
// without a test, for `scope`, or for the suite where that is empty.
struct PropertiesItem {
  RunId run;
  Token token;
  std::optional<TestIndex> test;
  std::uint32_t attempt = 0;  // of `test`
  std::string scope;
  TestProperties properties;

  friend bool operator==(const PropertiesItem&,
                         const PropertiesItem&) = default;
};

// What went wrong in a worker that was leaving, after its last unit.
struct LateExtraItem {
  RunId run;
  SuiteIndex suite{};
  std::uint32_t worker = 0;
  ExtraResult extra;

  friend bool operator==(const LateExtraItem&, const LateExtraItem&) = default;
};

// A piece of what a leaving worker has for whoever discovered its suite; the
// pieces of one worker follow each other, and `last` is the end.
struct WorkerReportItem {
  RunId run;
  SuiteIndex suite{};
  std::uint32_t worker = 0;
  std::string data;
  bool last = false;

  friend bool operator==(const WorkerReportItem&,
                         const WorkerReportItem&) = default;
};

// Answer to RunOver: the agent has no worker of this run, and has said before
// what its workers had to say.
struct RunLeftItem {
  RunId run;

  friend bool operator==(const RunLeftItem&, const RunLeftItem&) = default;
};

using ResultItem =
    std::variant<AttemptItem, ExtraItem, UnitEndItem, NoteItem, PropertiesItem,
                 LateExtraItem, WorkerReportItem, RunLeftItem>;

// Results from the agent's outbox, numbered `first`, first + 1, … within the
// agent's instance. Kept by the agent until a ResultAck covers them, and sent
// again in every new session.
struct Results {
  SessionId session{};
  std::uint64_t first = 0;  // from 1
  std::vector<ResultItem> items;

  friend bool operator==(const Results&, const Results&) = default;
};

// Answer to Revoke: these will not start here.
struct Returned {
  SessionId session{};
  std::vector<Token> tokens;

  friend bool operator==(const Returned&, const Returned&) = default;
};

// Answer to Revoke: these have started (or ended) and stay.
struct Kept {
  SessionId session{};
  std::vector<Token> tokens;

  friend bool operator==(const Kept&, const Kept&) = default;
};

// Grant nothing more; what has not started comes back in Returned.
struct Draining {
  SessionId session{};

  friend bool operator==(const Draining&, const Draining&) = default;
};

// The agent holds nothing and leaves.
struct Goodbye {
  SessionId session{};

  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

struct Pong {
  std::uint64_t nonce = 0;

  friend bool operator==(const Pong&, const Pong&) = default;
};

// ---- coordinator → agent ---------------------------------------------------

struct Welcome {
  std::uint32_t protocol = kFleetProtocolVersion;
  SessionId session{};
  std::uint32_t epoch = 0;
  Duration beat_interval{};
  // Silence after which the coordinator declares the agent lost.
  Duration lost_after{};
  // Outbox numbers up to this one are kept already.
  std::uint64_t acked_through = 0;
  // Of the held leases in Hello: forget or stop these, they are not current.
  std::vector<Token> dropped;

  friend bool operator==(const Welcome&, const Welcome&) = default;
};

// The numbers are part of the protocol.
enum class RefusalCode : std::uint8_t {
  kProtocolVersion = 0,
  kNameTaken = 1,  // try again later
  kMalformed = 2,
  kUnknownRun = 3,
  kNotAllowed = 4,
  kSubmission = 5,  // parts that contradict each other
  kShuttingDown = 6,
};

// To agents and clients alike: what is wrong and what to do, in a sentence.
struct Refused {
  RefusalCode code = RefusalCode::kMalformed;
  std::string sentence;

  friend bool operator==(const Refused&, const Refused&) = default;
};

// The coordinator does not know this connection: say hello.
struct Rehello {
  friend bool operator==(const Rehello&, const Rehello&) = default;
};

struct BeatAck {
  std::uint64_t seq = 0;
  // As in Welcome, by the size of the fleet as it is now; zero: as before.
  Duration beat_interval{};
  Duration lost_after{};

  friend bool operator==(const BeatAck&, const BeatAck&) = default;
};

// A suite, sent to an agent once before its first lease in a session.
struct SuiteDefinition {
  RunId run;
  SuiteIndex suite{};
  SuiteSpec spec;

  friend bool operator==(const SuiteDefinition&,
                         const SuiteDefinition&) = default;
};

struct LeasedTest {
  TestIndex test{};
  std::uint32_t attempt = 1;
  std::string name;
  Duration timeout{};
  std::string payload;
  // Given out for this attempt alone (CTEST_RESOURCE_GROUP_…).
  std::vector<EnvEdit> env;

  friend bool operator==(const LeasedTest&, const LeasedTest&) = default;
};

struct Lease {
  Token token;
  RunId run;
  UnitId unit{};
  // The unit this is the remainder of, if any.
  std::optional<UnitId> parent;
  SuiteIndex suite{};
  std::uint32_t slots = 1;
  // What the coordinator expects it to take; for the agent's look-ahead.
  Duration predicted{};
  std::vector<LeasedTest> tests;

  friend bool operator==(const Lease&, const Lease&) = default;
};

struct Grant {
  SessionId session{};
  std::vector<SuiteDefinition> suites;
  std::vector<Lease> leases;  // at most kMaxNamed tests in all

  friend bool operator==(const Grant&, const Grant&) = default;
};

// Give these back if they have not started; answered per token by Returned or
// Kept.
struct Revoke {
  SessionId session{};
  std::vector<Token> tokens;

  friend bool operator==(const Revoke&, const Revoke&) = default;
};

// Finish the current test of these, tear down, leave the rest; past the grace,
// TERM, grace, KILL.
struct Stop {
  SessionId session{};
  std::vector<Token> tokens;
  Duration grace{};
  std::string reason;

  friend bool operator==(const Stop&, const Stop&) = default;
};

// Results numbered up to `through` are journalled; forget them.
struct ResultAck {
  SessionId session{};
  std::uint64_t through = 0;

  friend bool operator==(const ResultAck&, const ResultAck&) = default;
};

struct OutputAck {
  SessionId session{};
  std::uint64_t through = 0;

  friend bool operator==(const OutputAck&, const OutputAck&) = default;
};

// No more leases of this run will come: its workers may go. `answer`: and the
// coordinator waits for RunLeftItem; asked again until that has come.
struct RunOver {
  RunId run;
  bool answer = false;

  friend bool operator==(const RunOver&, const RunOver&) = default;
};

// Are you there? Asked when a second instance claims the agent's name.
struct Ping {
  std::uint64_t nonce = 0;

  friend bool operator==(const Ping&, const Ping&) = default;
};

// ---- client → coordinator --------------------------------------------------

struct ClientHello {
  std::uint32_t protocol = kFleetProtocolVersion;
  std::string program_version;
  std::string host;
  std::uint32_t pid = 0;

  friend bool operator==(const ClientHello&, const ClientHello&) = default;
};

// Part 0 of a submission: opens the run. Kept → PartKept{0}.
struct SubmitOpen {
  RunId run;
  RunOptions options;

  friend bool operator==(const SubmitOpen&, const SubmitOpen&) = default;
};

// Part `part` (from 1, without gaps). Suites and tests get their indexes in
// the order of the parts. A repeated part is ignored, and acknowledged again.
struct SubmitPart {
  RunId run;
  std::uint32_t part = 0;
  std::vector<SuiteSpec> suites;
  std::vector<TestSpec> tests;

  friend bool operator==(const SubmitPart&, const SubmitPart&) = default;
};

// Closes the manifest; a run without it can never be green. Kept → SubmitKept.
struct SubmitComplete {
  RunId run;
  std::uint32_t parts = 0;  // the last part's number
  std::uint64_t tests = 0;
  // ManifestDigest (common/wire/manifest_digest.h) over all suites and tests.
  std::string digest;
  std::vector<DiscoveryError> errors;

  friend bool operator==(const SubmitComplete&,
                         const SubmitComplete&) = default;
};

// A client that comes back; answered by AttachReply, then Events.
struct Attach {
  RunId run;
  std::uint64_t last_event = 0;  // the last it has seen; 0: none

  friend bool operator==(const Attach&, const Attach&) = default;
};

// Events up to `through` were seen; they may be forgotten.
struct EventsAck {
  RunId run;
  std::uint64_t through = 0;

  friend bool operator==(const EventsAck&, const EventsAck&) = default;
};

struct Cancel {
  RunId run;
  std::string reason;

  friend bool operator==(const Cancel&, const Cancel&) = default;
};

// The client lives; at the interval of ClientWelcome.
struct ClientBeat {
  RunId run;

  friend bool operator==(const ClientBeat&, const ClientBeat&) = default;
};

struct StatusRequest {
  friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};

// ---- coordinator → client --------------------------------------------------

struct ClientWelcome {
  std::uint32_t protocol = kFleetProtocolVersion;
  std::uint32_t epoch = 0;
  Duration beat_interval{};

  friend bool operator==(const ClientWelcome&, const ClientWelcome&) = default;
};

// All parts up to `part` are kept.
struct PartKept {
  RunId run;
  std::uint32_t part = 0;

  friend bool operator==(const PartKept&, const PartKept&) = default;
};

struct SubmitKept {
  RunId run;

  friend bool operator==(const SubmitKept&, const SubmitKept&) = default;
};

struct AttachReply {
  RunId run;
  bool known = false;
  std::uint32_t parts_kept = 0;
  bool closed = false;  // SubmitComplete was kept

  friend bool operator==(const AttachReply&, const AttachReply&) = default;
};

// A piece of an attempt's output, before its AttemptEvent.
struct OutputEvent {
  TestIndex test{};
  std::uint32_t attempt = 0;
  bool tail = false;
  std::string data;

  friend bool operator==(const OutputEvent&, const OutputEvent&) = default;
};

// One attempt ended; `verdict` is set when that settled the test.
struct AttemptEvent {
  TestIndex test{};
  std::uint32_t attempt = 0;
  std::string agent;
  std::string host;
  std::uint32_t worker = 0;
  TestResult result;  // its output is what did not go ahead in OutputEvents
  std::optional<Verdict> verdict;
  // Why there was or will be another attempt: "rerun: agent lost",
  // "retry 1 of 2"; else empty.
  std::string rerun;

  friend bool operator==(const AttemptEvent&, const AttemptEvent&) = default;
};

// A test that discovery did not name; an AttemptEvent for it follows.
struct ExtraTestEvent {
  TestIndex test{};
  SuiteIndex suite{};
  std::string name;

  friend bool operator==(const ExtraTestEvent&,
                         const ExtraTestEvent&) = default;
};

struct RecycledEvent {
  std::string agent;
  std::uint32_t worker = 0;
  SuiteIndex suite{};
  RecycleReason reason;

  friend bool operator==(const RecycledEvent&, const RecycledEvent&) = default;
};

struct NoteEvent {
  std::string text;

  friend bool operator==(const NoteEvent&, const NoteEvent&) = default;
};

// As WorkerReportItem.
struct WorkerReportEvent {
  SuiteIndex suite{};
  std::string agent;
  std::uint32_t worker = 0;
  std::string data;
  bool last = false;

  friend bool operator==(const WorkerReportEvent&,
                         const WorkerReportEvent&) = default;
};

// The last event of a run.
struct RunEndedEvent {
  bool green = false;
  bool cancelled = false;
  std::string reason;  // of a cancellation or of not being green
  std::uint64_t tests = 0;

  friend bool operator==(const RunEndedEvent&, const RunEndedEvent&) = default;
};

// Properties that came after their AttemptEvent, or are of no test: of a scope
// or, without one, of the suite.
struct PropertiesEvent {
  SuiteIndex suite{};
  std::optional<TestIndex> test;
  std::uint32_t attempt = 0;  // of `test`
  std::string scope;
  TestProperties properties;

  friend bool operator==(const PropertiesEvent&,
                         const PropertiesEvent&) = default;
};

using Event =
    std::variant<OutputEvent, AttemptEvent, ExtraTestEvent, RecycledEvent,
                 NoteEvent, RunEndedEvent, PropertiesEvent, WorkerReportEvent>;

// Events numbered `first`, first + 1, … of a run, from 1 without gaps.
struct Events {
  RunId run;
  std::uint64_t first = 0;
  std::vector<Event> events;

  friend bool operator==(const Events&, const Events&) = default;
};

struct RunningTest {
  TestIndex test{};
  std::string agent;
  Duration running{};

  friend bool operator==(const RunningTest&, const RunningTest&) = default;
};

// What runs now, for a live view: sent when it changed, a few times a second
// at most, not numbered, and no harm if lost.
struct Progress {
  RunId run;
  std::uint32_t agents = 0;
  std::uint32_t slots = 0;
  std::uint64_t queued = 0;          // tests that no agent holds
  std::vector<RunningTest> running;  // the longest running first; at most 64

  friend bool operator==(const Progress&, const Progress&) = default;
};

struct AgentStatus {
  std::string name;
  std::string host;
  std::uint32_t pid = 0;
  std::string state;  // "ready", "draining", "silent", "stuck"
  std::uint32_t slots = 0;
  std::uint32_t leases = 0;
  Duration last_heard{};

  friend bool operator==(const AgentStatus&, const AgentStatus&) = default;
};

struct RunStatus {
  RunId run;
  std::string title;
  std::string state;  // "submitting", "running", "cancelled", "ended"
  std::uint64_t tests = 0;
  std::uint64_t settled = 0;
  std::uint64_t bad = 0;
  std::uint64_t queued = 0;
  Duration age{};

  friend bool operator==(const RunStatus&, const RunStatus&) = default;
};

// The newest of each, at most kMaxNamed and what fits into a message.
struct StatusReply {
  std::string program_version;
  std::uint32_t epoch = 0;
  std::vector<AgentStatus> agents;
  std::vector<RunStatus> runs;

  friend bool operator==(const StatusReply&, const StatusReply&) = default;
};

using Message =
    std::variant<Hello, Beat, Want, Started, Output, Results, Returned, Kept,
                 Draining, Goodbye, Pong,  // agent
                 Welcome, Refused, Rehello, BeatAck, Grant, Revoke, Stop,
                 ResultAck, OutputAck, RunOver, Ping,  // to agents
                 ClientHello, SubmitOpen, SubmitPart, SubmitComplete, Attach,
                 EventsAck, Cancel, ClientBeat, StatusRequest,  // client
                 ClientWelcome, PartKept, SubmitKept, AttachReply, Events,
                 Progress, StatusReply>;  // to clients

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_MESSAGES_H_
