// The fields of the messages between agents and the coordinator. See field.h;
// internal to common/wire.

#ifndef PACELINE_COMMON_WIRE_AGENT_FIELDS_H_
#define PACELINE_COMMON_WIRE_AGENT_FIELDS_H_

#include "common/wire/field.h"
#include "common/wire/messages.h"
#include "common/wire/model_fields.h"

namespace paceline {

// ---- parts -----------------------------------------------------------------

template <Like<HeldLease> M>
auto WireFields(M& m) {
  return Fields(Item("token", m.token, kLeaseToken),
                Item("started", m.started, kFlag));
}

template <Like<SlotProgress> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken), Item("test", m.test, kAny),
                Item("running", m.running, kSpan));
}

template <Like<AttemptItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken), Item("test", m.test, kAny),
                Item("attempt", m.attempt, kNonZero),
                Item("worker", m.worker, kAny),
                Item("head_bytes_sent", m.head_bytes_sent, kAny),
                Item("tail_bytes_sent", m.tail_bytes_sent, kAny),
                Item("result", m.result, kStruct));
}

template <Like<ExtraItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken),
                Item("number", m.number, kAny), Item("worker", m.worker, kAny),
                Item("extra", m.extra, kStruct));
}

template <Like<UnitEndItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken),
                Item("worker", m.worker, kAny),
                Item("interrupted", m.interrupted, List(kAny)),
                Item("end", m.end, kStruct));
}

template <Like<NoteItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("text", m.text, kLine));
}

template <Like<PropertiesItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken),
                Item("test", m.test, Maybe(kAny)),
                Item("attempt", m.attempt, kAny), Item("scope", m.scope, kName),
                Item("properties", m.properties, kProperties));
}

template <Like<LateExtraItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("suite", m.suite, kAny),
                Item("worker", m.worker, kAny),
                Item("extra", m.extra, kStruct));
}

template <Like<WorkerReportItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("suite", m.suite, kAny),
                Item("worker", m.worker, kAny), Item("data", m.data, kReport),
                Item("last", m.last, kFlag));
}

template <Like<RunLeftItem> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId));
}

template <Like<SuiteDefinition> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("suite", m.suite, kAny),
                Item("spec", m.spec, kStruct));
}

template <Like<LeasedTest> M>
auto WireFields(M& m) {
  return Fields(
      Item("test", m.test, kAny), Item("attempt", m.attempt, kNonZero),
      Item("name", m.name, kNonEmptyName), Item("timeout", m.timeout, kSpan),
      Item("payload", m.payload, kPayload), Item("env", m.env, List(kStruct)));
}

template <Like<Lease> M>
auto WireFields(M& m) {
  return Fields(Item("token", m.token, kLeaseToken),
                Item("run", m.run, kRandomId), Item("unit", m.unit, kNonZero),
                Item("parent", m.parent, Maybe(kNonZero)),
                Item("suite", m.suite, kAny), Item("slots", m.slots, kNonZero),
                Item("predicted", m.predicted, kSpan),
                Item("tests", m.tests, List(kStruct)));
}

// ---- agent → coordinator ---------------------------------------------------

template <Like<Hello> M>
auto WireFields(M& m) {
  return Fields(Item("protocol", m.protocol, kNonZero),
                Item("program_version", m.program_version, kLabel),
                Item("name", m.name, kNonEmptyLabel),
                Item("instance", m.instance, kRandomId),
                Item("host", m.host, kLabel), Item("pid", m.pid, kAny),
                Item("slots", m.slots, IntegerRule{1, kMaxSlots}),
                Item("labels", m.labels, List(kNonEmptyLabel)),
                Item("held", m.held, List(kStruct)),
                Item("first_result", m.first_result, kSequence),
                Item("seq", m.seq, kSequence));
}

template <Like<Beat> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("seq", m.seq, kSequence),
                Item("pool_turn_age", m.pool_turn_age, kSpan),
                Item("slots", m.slots, List(kStruct)));
}

template <Like<Want> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("grants_seen", m.grants_seen, kSequenceOrNone),
                Item("room", m.room, kAny));
}

template <Like<Started> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("tokens", m.tokens, List(kLeaseToken)));
}

template <Like<Output> M>
auto WireFields(M& m) {
  return Fields(
      Item("session", m.session, kNonZero), Item("seq", m.seq, kSequence),
      Item("token", m.token, kLeaseToken), Item("test", m.test, kAny),
      Item("attempt", m.attempt, kNonZero), Item("tail", m.tail, kFlag),
      Item("offset", m.offset, kAny), Item("data", m.data, kOutputChunk));
}

template <Like<Results> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("first", m.first, kSequence),
                Item("items", m.items, List(kOneOf)));
}

template <Like<Returned> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("tokens", m.tokens, List(kLeaseToken)));
}

template <Like<Kept> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("tokens", m.tokens, List(kLeaseToken)));
}

template <Like<Draining> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero));
}

template <Like<Goodbye> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero));
}

template <Like<Pong> M>
auto WireFields(M& m) {
  return Fields(Item("nonce", m.nonce, kAny));
}

// ---- coordinator → agent ---------------------------------------------------

template <Like<Welcome> M>
auto WireFields(M& m) {
  return Fields(Item("protocol", m.protocol, kNonZero),
                Item("session", m.session, kNonZero),
                Item("epoch", m.epoch, kAny),
                Item("beat_interval", m.beat_interval, kSpan),
                Item("lost_after", m.lost_after, kSpan),
                Item("acked_through", m.acked_through, kSequenceOrNone),
                Item("dropped", m.dropped, List(kLeaseToken)));
}

template <Like<Refused> M>
auto WireFields(M& m) {
  return Fields(Item("code", m.code, ChoiceRule{7}),
                Item("sentence", m.sentence, kLine));
}

template <Like<Rehello> M>
auto WireFields(M&) {
  return Fields();
}

template <Like<BeatAck> M>
auto WireFields(M& m) {
  return Fields(Item("seq", m.seq, kSequence),
                Item("beat_interval", m.beat_interval, kSpan),
                Item("lost_after", m.lost_after, kSpan));
}

template <Like<Grant> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("suites", m.suites, List(kStruct)),
                Item("leases", m.leases, List(kStruct)));
}

template <Like<Revoke> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("tokens", m.tokens, List(kLeaseToken)));
}

template <Like<Stop> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("tokens", m.tokens, List(kLeaseToken)),
                Item("grace", m.grace, kSpan), Item("reason", m.reason, kLine));
}

template <Like<ResultAck> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("through", m.through, kSequenceOrNone));
}

template <Like<OutputAck> M>
auto WireFields(M& m) {
  return Fields(Item("session", m.session, kNonZero),
                Item("through", m.through, kSequenceOrNone));
}

template <Like<RunOver> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("answer", m.answer, kFlag));
}

template <Like<Ping> M>
auto WireFields(M& m) {
  return Fields(Item("nonce", m.nonce, kAny));
}

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_AGENT_FIELDS_H_
