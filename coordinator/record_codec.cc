#include "coordinator/record_codec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/wire/agent_fields.h"
#include "common/wire/client_fields.h"
#include "common/wire/field_reader.h"
#include "common/wire/field_writer.h"

namespace paceline {

// ---- the fields ------------------------------------------------------------

template <Like<EpochRaised> M>
auto WireFields(M& m) {
  return Fields(Item("epoch", m.epoch, kNonZero));
}

template <Like<RunOpened> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("options", m.options, kStruct));
}

template <Like<PartAdded> M>
auto WireFields(M& m) {
  return Fields(Item("part", m.part, kStruct));
}

template <Like<RunClosed> M>
auto WireFields(M& m) {
  return Fields(Item("complete", m.complete, kStruct));
}

template <Like<ResourcePiece> M>
auto WireFields(M& m) {
  return Fields(Item("pool", m.pool, kAny), Item("thing", m.thing, kAny),
                Item("slots", m.slots, kAny));
}

template <Like<LeaseGranted> M>
auto WireFields(M& m) {
  return Fields(
      Item("token", m.token, kLeaseToken), Item("run", m.run, kRandomId),
      Item("unit", m.unit, kNonZero), Item("parent", m.parent, Maybe(kNonZero)),
      Item("suite", m.suite, kAny),
      Item("wanted_slots", m.wanted_slots, kNonZero),
      Item("slots", m.slots, kNonZero), Item("predicted", m.predicted, kSpan),
      Item("tests", m.tests, List(Pair(kAny, kNonZero))),
      Item("resources", m.resources, List(List(kStruct))),
      Item("holder", m.holder, kRandomId), Item("agent", m.agent, kLabel),
      Item("host", m.host, kLabel));
}

template <Like<OutputKept> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("holder", m.holder, kRandomId),
                Item("output", m.output, kStruct));
}

template <Like<ResultsKept> M>
auto WireFields(M& m) {
  return Fields(
      Item("run", m.run, kRandomId), Item("holder", m.holder, kRandomId),
      Item("draining", m.draining, kFlag), Item("first", m.first, kSequence),
      Item("items", m.items, List(kOneOf)));
}

template <Like<LeaseEnded> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("token", m.token, kLeaseToken),
                Item("end", m.end, ChoiceRule{2}),
                Item("drained", m.drained, kFlag), Item("why", m.why, kLine));
}

template <Like<RunCancelled> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId), Item("reason", m.reason, kLine));
}

template <Like<RunEnded> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("unheard", m.unheard, List(kLabel)));
}

template <Like<RunForgotten> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId));
}

template <Like<EventsSeen> M>
auto WireFields(M& m) {
  return Fields(Item("run", m.run, kRandomId),
                Item("through", m.through, kSequence));
}

// ---- records ---------------------------------------------------------------

namespace {

// In the order of the alternatives of Record; a kind is its position.
constexpr auto kNames = std::to_array<const char*>(
    {"epoch_raised", "run_opened", "part_added", "run_closed", "lease_granted",
     "output_kept", "results_kept", "lease_ended", "run_cancelled", "run_ended",
     "run_forgotten", "events_seen"});
static_assert(kNames.size() == std::variant_size_v<Record>);

using BodyReader = bool (*)(FieldReader&, std::uint32_t, Record&);

template <std::size_t... Is>
constexpr std::array<BodyReader, sizeof...(Is)> MakeBodyReaders(
    std::index_sequence<Is...>) {
  return {[](FieldReader& reader, std::uint32_t fields, Record& record) {
    return reader.Body(record.emplace<Is>(), fields);
  }...};
}

constexpr auto kBodyReaders =
    MakeBodyReaders(std::make_index_sequence<std::variant_size_v<Record>>{});

}  // namespace

std::string EncodeRecord(const Record& record) {
  std::string bytes;
  FieldWriter writer(bytes);
  std::visit([&](const auto& one) { writer.Tagged(record.index(), one); },
             record);
  return bytes;
}

absl::StatusOr<Record> DecodeRecord(absl::string_view bytes) {
  FieldReader reader(bytes);
  std::uint64_t kind = 0;
  std::uint32_t fields = 0;
  if (!reader.Tag(kind, fields)) {
    return absl::DataLossError(absl::StrCat("record", reader.Error()));
  }
  if (kind >= kBodyReaders.size()) {
    return absl::DataLossError(
        absl::StrCat("record: is of unknown kind ", kind));
  }
  absl::StatusOr<Record> record = Record();
  if (!kBodyReaders[kind](reader, fields, *record) || !reader.End()) {
    return absl::DataLossError(absl::StrCat(kNames[kind], reader.Error()));
  }
  return record;
}

}  // namespace paceline
