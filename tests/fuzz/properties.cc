#include "tests/fuzz/properties.h"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "common/wire/codec.h"
#include "coordinator/record_codec.h"
#include "worker/command/command_discoverer.h"
#include "worker/ctest/ctest_test.h"
#include "worker/protocol/codec.h"
#include "worker/python/collector_codec.h"

namespace paceline {
namespace {

// An upper bound of the encoding of `message`, for the types that have one.
std::optional<std::size_t> BoundOf(const Message& message) {
  std::size_t bound = kMaxEnvelopeBytes;
  if (const auto* results = std::get_if<Results>(&message)) {
    for (const ResultItem& item : results->items) {
      bound += EncodedBound(item);
    }
    return bound;
  }
  if (const auto* events = std::get_if<Events>(&message)) {
    for (const Event& event : events->events) {
      bound += EncodedBound(event);
    }
    return bound;
  }
  if (const auto* part = std::get_if<SubmitPart>(&message)) {
    for (const SuiteSpec& suite : part->suites) {
      bound += EncodedBound(suite);
    }
    for (const TestSpec& test : part->tests) {
      bound += EncodedBound(test);
    }
    return bound;
  }
  if (const auto* grant = std::get_if<Grant>(&message)) {
    for (const SuiteDefinition& definition : grant->suites) {
      bound += kMaxEnvelopeBytes + EncodedBound(definition.spec);
    }
    for (const Lease& lease : grant->leases) {
      bound += kMaxEnvelopeBytes;
      for (const LeasedTest& test : lease.tests) {
        bound += EncodedBound(test);
      }
    }
    return bound;
  }
  return std::nullopt;
}

template <typename M>
void CheckMap(absl::string_view map,
              absl::StatusOr<M> (*decode)(absl::string_view)) {
  const absl::StatusOr<M> message = decode(map);
  if (!message.ok()) {
    PACELINE_CHECK(!message.status().message().empty());
    return;
  }
  std::string frame;
  AppendFrame(*message, frame);
  const absl::StatusOr<M> again = decode(absl::string_view(frame).substr(4));
  PACELINE_CHECK(again.ok() && *again == *message);
}

// What a FrameReader gives for a stream that comes in pieces of `piece` bytes:
// the frames, and whether it ended in an error.
struct Frames {
  std::vector<std::string> maps;
  bool broken = false;

  friend bool operator==(const Frames&, const Frames&) = default;
};

Frames ReadFrames(absl::string_view stream, std::size_t piece) {
  FrameReader reader;
  Frames frames;
  for (; !stream.empty() && !frames.broken;
       stream.remove_prefix(std::min(piece, stream.size()))) {
    reader.Append(stream.substr(0, piece));
    while (true) {
      const absl::StatusOr<std::optional<absl::string_view>> map =
          reader.Next();
      frames.broken = !map.ok();
      if (!map.ok() || !map->has_value()) {
        break;
      }
      frames.maps.emplace_back(**map);
    }
  }
  return frames;
}

}  // namespace

void CheckFleetDecode(absl::string_view bytes) {
  const absl::StatusOr<Message> message = Decode(bytes);
  if (!message.ok()) {
    PACELINE_CHECK(!message.status().message().empty());
    return;
  }
  const std::string encoded = Encode(*message);
  PACELINE_CHECK(encoded.size() <= bytes.size());
  PACELINE_CHECK(encoded.size() <= BoundOf(*message).value_or(bytes.size()));
  const absl::StatusOr<Message> again = Decode(encoded);
  PACELINE_CHECK(again.ok() && *again == *message);
}

void CheckWorkerDecode(absl::string_view bytes) {
  CheckMap<FromWorker>(bytes, &DecodeFromWorker);
  CheckMap<ToWorker>(bytes, &DecodeToWorker);

  const Frames whole = ReadFrames(bytes, bytes.size());
  PACELINE_CHECK(whole == ReadFrames(bytes, 1));
  PACELINE_CHECK(whole == ReadFrames(bytes, 7));
  for (const std::string& map : whole.maps) {
    CheckMap<FromWorker>(map, &DecodeFromWorker);
    CheckMap<ToWorker>(map, &DecodeToWorker);
  }
}

void CheckCollectorDecode(absl::string_view bytes) {
  const absl::StatusOr<FromCollector> message = DecodeFromCollector(bytes);
  PACELINE_CHECK(message.ok() || !message.status().message().empty());
}

void CheckRecordDecode(absl::string_view bytes) {
  const absl::StatusOr<Record> record = DecodeRecord(bytes);
  if (!record.ok()) {
    PACELINE_CHECK(!record.status().message().empty());
    return;
  }
  const std::string encoded = EncodeRecord(*record);
  PACELINE_CHECK(encoded.size() <= bytes.size());
  const absl::StatusOr<Record> again = DecodeRecord(encoded);
  PACELINE_CHECK(again.ok() && EncodeRecord(*again) == encoded);
}

void CheckPayloadDecode(absl::string_view bytes) {
  if (const absl::StatusOr<CtestSuiteOptions> options =
          DecodeCtestOptions(bytes);
      options.ok()) {
    const auto again = DecodeCtestOptions(EncodeCtestOptions(*options));
    PACELINE_CHECK(again.ok() && *again == *options);
  } else {
    PACELINE_CHECK(!options.status().message().empty());
  }
  CtestSuiteOptions shared;
  shared.working_directory = "/build";
  if (const absl::StatusOr<CtestTest> test = DecodeCtestTest(bytes, shared);
      test.ok()) {
    const auto again = DecodeCtestTest(EncodeCtestTest(*test, shared), shared);
    PACELINE_CHECK(again.ok() && *again == *test);
  } else {
    PACELINE_CHECK(!test.status().message().empty());
  }
  const std::vector<std::string> command = DecodeCommand(bytes);
  PACELINE_CHECK(DecodeCommand(EncodeCommand(command)) == command);
}

}  // namespace paceline
