// The fields of the messages between clients and the coordinator. See field.h;
// internal to common/wire.

#ifndef PACELINE_COMMON_WIRE_CLIENT_FIELDS_H_
#define PACELINE_COMMON_WIRE_CLIENT_FIELDS_H_

#include "common/wire/field.h"
#include "common/wire/messages.h"
#include "common/wire/model_fields.h"

namespace paceline {

// ---- events ----------------------------------------------------------------

template <Like<OutputEvent> M>
auto WireFields(M& m) {
  return Fields(
      Item("test", m.test, kAny), Item("attempt", m.attempt, kNonZero),
      Item("tail", m.tail, kFlag), Item("data", m.data, kOutputChunk));
}

template <Like<AttemptEvent> M>
auto WireFields(M& m) {
  return Fields(Item("test", m.test, kAny),
                // 0: settled without ever starting.
                Item("attempt", m.attempt, kAny),
                Item("agent", m.agent, kLabel), Item("host", m.host, kLabel),
                Item("worker", m.worker, kAny),
                Item("result", m.result, kStruct),
                Item("verdict", m.verdict, Maybe(kVerdict)),
                Item("rerun", m.rerun, kLine));
}

template <Like<ExtraTestEvent> M>
auto WireFields(M& m) {
  return Fields(Item("test", m.test, kAny), Item("suite", m.suite, kAny),
                Item("name", m.name, kNonEmptyName));
}

template <Like<RecycledEvent> M>
auto WireFields(M& m) {
  return Fields(Item("agent", m.agent, kLabel), Item("worker", m.worker, kAny),
                Item("suite", m.suite, kAny),
                Item("reason", m.reason, kStruct));
}

template <Like<NoteEvent> M>
auto WireFields(M& m) {
  return Fields(Item("text", m.text, kLine));
}

template <Like<PropertiesEvent> M>
auto WireFields(M& m) {
  return Fields(Item("suite", m.suite, kAny), Item("test", m.test, Maybe(kAny)),
                Item("attempt", m.attempt, kAny), Item("scope", m.scope, kName),
                Item("properties", m.properties, kProperties));
}

template <Like<WorkerReportEvent> M>
auto WireFields(M& m) {
  return Fields(Item("suite", m.suite, kAny), Item("agent", m.agent, kLabel),
                Item("worker", m.worker, kAny), Item("data", m.data, kReport),
                Item("last", m.last, kFlag));
}

template <Like<RunEndedEvent> M>
auto WireFields(M& m) {
  return Fields(Item("green", m.green, kFlag),
                Item("cancelled", m.cancelled, kFlag),
                Item("reason", m.reason, kLine), Item("tests", m.tests, kAny));
}

// ---- client → coordinator --------------------------------------------------

template <Like<ClientHello> M>
auto WireFields(M& m) {
  return Fields(Item("protocol", m.protocol, kNonZero),
                Item("program_version", m.program_version, kLabel),
                Item("host", m.host, kLabel), Item("pid", m.pid, kAny));
}

template <Like<SubmitOpen> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("options", m.options, kStruct));
}

template <Like<SubmitPart> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("part", m.part, kNonZero),
                Item("suites", m.suites, List(kStruct)),
                Item("tests", m.tests, List(kStruct)));
}

template <Like<SubmitComplete> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("parts", m.parts, kAny),
                Item("tests", m.tests, kAny), Item("digest", m.digest, kLabel),
                Item("errors", m.errors, List(kStruct)));
}

template <Like<Attach> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("last_event", m.last_event, kSequenceOrNone));
}

template <Like<EventsAck> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("through", m.through, kSequenceOrNone));
}

template <Like<Cancel> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("reason", m.reason, kLine));
}

template <Like<ClientBeat> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId));
}

template <Like<StatusRequest> M>
auto WireFields(M&) {
  return Fields();
}

// ---- coordinator → client --------------------------------------------------

template <Like<ClientWelcome> M>
auto WireFields(M& m) {
  return Fields(Item("protocol", m.protocol, kNonZero),
                Item("epoch", m.epoch, kAny),
                Item("beat_interval", m.beat_interval, kSpan));
}

template <Like<PartKept> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("part", m.part, kAny));
}

template <Like<SubmitKept> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId));
}

template <Like<AttachReply> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("known", m.known, kFlag),
                Item("parts_kept", m.parts_kept, kAny),
                Item("closed", m.closed, kFlag));
}

template <Like<Events> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("first", m.first, kSequence),
                Item("events", m.events, List(kOneOf)));
}

template <Like<RunningTest> M>
auto WireFields(M& m) {
  return Fields(Item("test", m.test, kAny), Item("agent", m.agent, kLabel),
                Item("running", m.running, kSpan));
}

template <Like<Progress> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("agents", m.agents, kAny),
                Item("slots", m.slots, kAny), Item("queued", m.queued, kAny),
                Item("running", m.running, List(kStruct, 64)));
}

template <Like<AgentStatus> M>
auto WireFields(M& m) {
  return Fields(Item("name", m.name, kLabel), Item("host", m.host, kLabel),
                Item("pid", m.pid, kAny), Item("state", m.state, kLabel),
                Item("slots", m.slots, kAny), Item("leases", m.leases, kAny),
                Item("last_heard", m.last_heard, kSpan));
}

template <Like<RunStatus> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("title", m.title, kLine),
                Item("state", m.state, kLabel), Item("tests", m.tests, kAny),
                Item("settled", m.settled, kAny), Item("bad", m.bad, kAny),
                Item("queued", m.queued, kAny), Item("age", m.age, kSpan));
}

template <Like<StatusReply> M>
auto WireFields(M& m) {
  return Fields(Item("program_version", m.program_version, kLabel),
                Item("epoch", m.epoch, kAny),
                Item("agents", m.agents, List(kStruct)),
                Item("runs", m.runs, List(kStruct)));
}

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_CLIENT_FIELDS_H_
