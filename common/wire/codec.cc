#include "common/wire/codec.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/wire/agent_fields.h"
#include "common/wire/client_fields.h"
#include "common/wire/field_bound.h"
#include "common/wire/field_fits.h"
#include "common/wire/field_reader.h"
#include "common/wire/field_writer.h"
#include "common/wire/version.h"

namespace paceline {
namespace {

struct MessageType {
  std::uint64_t number;
  const char* name;
  // Says the version it is written in first, in every version, so that it can
  // be read in whatever form the rest is.
  bool greeting = false;
};

// In the order of the alternatives of Message. The numbers are the protocol:
// never change one, never use one again.
constexpr auto kTypes = std::to_array<MessageType>({
    // agent → coordinator
    {1, "hello", true},
    {2, "beat"},
    {3, "want"},
    {4, "started"},
    {5, "output"},
    {6, "results"},
    {7, "returned"},
    {8, "kept"},
    {9, "draining"},
    {10, "goodbye"},
    {11, "pong"},
    // coordinator → agent
    {20, "welcome", true},
    {21, "refused"},
    {22, "rehello"},
    {23, "beat_ack"},
    {24, "grant"},
    {25, "revoke"},
    {26, "stop"},
    {27, "result_ack"},
    {28, "output_ack"},
    {29, "run_over"},
    {30, "ping"},
    // client → coordinator
    {40, "client_hello", true},
    {41, "submit_open"},
    {42, "submit_part"},
    {43, "submit_complete"},
    {44, "attach"},
    {45, "events_ack"},
    {46, "cancel"},
    {47, "client_beat"},
    {48, "status_request"},
    // coordinator → client
    {60, "client_welcome", true},
    {61, "part_kept"},
    {62, "submit_kept"},
    {63, "attach_reply"},
    {64, "events"},
    {65, "progress"},
    {66, "status_reply"},
});
static_assert(kTypes.size() == std::variant_size_v<Message>);

// The position in Message of each type number; kNoType where there is none.
constexpr std::size_t kNoType = std::numeric_limits<std::size_t>::max();
constexpr auto kPositions = [] {
  std::array<std::size_t, 67> positions{};
  positions.fill(kNoType);
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    positions[kTypes[i].number] = i;
  }
  return positions;
}();

template <std::size_t I>
bool ReadBody(FieldReader& reader, std::uint32_t fields, Message& message) {
  return reader.Body(message.emplace<I>(), fields);
}

using BodyReader = bool (*)(FieldReader&, std::uint32_t, Message&);

template <std::size_t... Is>
constexpr std::array<BodyReader, sizeof...(Is)> MakeBodyReaders(
    std::index_sequence<Is...>) {
  return {&ReadBody<Is>...};
}

constexpr auto kBodyReaders =
    MakeBodyReaders(std::make_index_sequence<std::variant_size_v<Message>>{});

// A rule across fields, where a message has one; "" if it is kept.
std::string Contradiction(const Message& message) {
  const auto* grant = std::get_if<Grant>(&message);
  if (grant == nullptr) {
    return "";
  }
  std::size_t tests = 0;
  for (const Lease& lease : grant->leases) {
    tests += lease.tests.size();
  }
  return tests <= kMaxNamed ? ""
                            : absl::StrCat(".leases: name ", tests,
                                           " tests, at most ", kMaxNamed);
}

std::size_t PositionOf(std::uint64_t type) {
  return type < kPositions.size() ? kPositions[type] : kNoType;
}

// The version in which a greeting is written, 0 in anything else.
std::uint64_t GreetingVersion(absl::string_view bytes) {
  MsgpackReader reader(bytes);
  std::uint32_t fields = 0;
  std::uint64_t type = 0;
  if (!reader.ReadArray(fields) || !reader.ReadUint(type)) {
    return 0;
  }
  const std::size_t position = PositionOf(type);
  std::uint64_t version = 0;
  return position != kNoType && kTypes[position].greeting &&
                 reader.ReadUint(version)
             ? version
             : 0;
}

absl::Status DecodeInto(absl::string_view bytes, Message& message) {
  if (bytes.size() > kMaxMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "message: ", bytes.size(), " bytes, at most ", kMaxMessageBytes));
  }
  FieldReader reader(bytes);
  std::uint64_t type = 0;
  std::uint32_t fields = 0;
  if (!reader.Tag(type, fields)) {
    return absl::InvalidArgumentError(absl::StrCat("message", reader.Error()));
  }
  const std::size_t position = PositionOf(type);
  if (position == kNoType) {
    return absl::InvalidArgumentError(
        absl::StrCat("message: is of unknown type ", type));
  }
  const char* name = kTypes[position].name;
  if (!kBodyReaders[position](reader, fields, message) || !reader.End()) {
    return absl::InvalidArgumentError(absl::StrCat(name, reader.Error()));
  }
  if (std::string problem = Contradiction(message); !problem.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, problem));
  }
  return absl::OkStatus();
}

// `part` holds `spec` alone, at `place`.
absl::Status CheckOne(SubmitPart part, absl::string_view place) {
  part.run.bytes.fill(1);
  const absl::Status status = Decode(Encode(part)).status();
  return status.ok() ? status
                     : absl::Status(status.code(),
                                    absl::StripPrefix(status.message(), place));
}

template <typename Spec>
absl::Status CheckBytes(const Spec& spec, absl::string_view what) {
  const std::size_t bytes = EncodedBound(spec);
  return bytes <= kMaxSpecBytes
             ? absl::OkStatus()
             : absl::InvalidArgumentError(
                   absl::StrCat(what, " take ", bytes, " bytes, and at most ",
                                kMaxSpecBytes, " can be handed over"));
}

}  // namespace

std::string Encode(const Message& message) {
  std::string bytes;
  FieldWriter writer(bytes);
  std::visit(
      [&](const auto& held) {
        writer.Tagged(kTypes[message.index()].number, held);
      },
      message);
  return bytes;
}

absl::StatusOr<Message> Decode(absl::string_view bytes) {
  absl::StatusOr<Message> message = Message();
  absl::Status status = DecodeInto(bytes, *message);
  if (status.ok()) {
    return message;
  }
  const std::uint64_t version = GreetingVersion(bytes);
  if (version != 0 && version != kFleetProtocolVersion) {
    return absl::UnimplementedError(
        VersionMismatch("the other side", version, "this program"));
  }
  return status;
}

absl::string_view Name(const Message& message) {
  return kTypes[message.index()].name;
}

std::size_t EncodedBound(const ResultItem& item) {
  return FieldBound::Of(item, kOneOf);
}

std::size_t EncodedBound(const Event& event) {
  return FieldBound::Of(event, kOneOf);
}

std::size_t EncodedBound(const TestSpec& test) {
  return FieldBound::Of(test, kStruct);
}

std::size_t EncodedBound(const SuiteSpec& suite) {
  return FieldBound::Of(suite, kStruct);
}

std::size_t EncodedBound(const LeasedTest& test) {
  return FieldBound::Of(test, kStruct);
}

absl::Status CheckSpec(const TestSpec& spec) {
  absl::Status status = CheckBytes(spec, "its names, payload and constraints");
  if (!status.ok() || FieldFits::In(spec, kStruct)) {
    return status;
  }
  return CheckOne({{}, 1, {}, {spec}}, "submit_part.tests[0].");
}

absl::Status CheckSpec(const SuiteSpec& spec) {
  absl::Status status =
      CheckBytes(spec, "its command line, environment and options");
  if (!status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat(status.message(), "; put long arguments into a file"));
  }
  if (FieldFits::In(spec, kStruct)) {
    return status;
  }
  return CheckOne({{}, 1, {spec}, {}}, "submit_part.suites[0].");
}

}  // namespace paceline
