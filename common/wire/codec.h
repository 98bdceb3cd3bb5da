// Fleet messages to bytes and back, bounded.
//
// The only way between the fleet protocol's messages and MessagePack.
// Everything a peer sends passes through Decode, which checks types, arity,
// ranges, list and string lengths, and that ids are not zero where that is
// forbidden, and names the field in its error. What a message means where it
// arrives, its direction too, is for who receives it to judge.

#ifndef PACELINE_COMMON_WIRE_CODEC_H_
#define PACELINE_COMMON_WIRE_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/wire/messages.h"

namespace paceline {

// Every Message has an encoding: prose (messages, details, reasons, notes) is
// cut to its bound, with a mark, and durations are clamped to [0, ten years].
// The rest is for the caller to keep within the bounds that Decode checks:
// lists, names, payloads and inline output, and the whole under
// kMaxMessageBytes; EncodedBound helps to fill messages.
std::string Encode(const Message& message);

// Takes no memory beyond a small multiple of `bytes`, and throws nothing.
//
// Returns kInvalidArgument, naming message and field, for anything that is not
// exactly one message of version 1. Returns kUnimplemented for a greeting
// (hello, welcome, client_hello, client_welcome) of another version in a form
// that version 1 does not have; one in the form of version 1 is decoded, and
// its `protocol` is for the caller to look at.
absl::StatusOr<Message> Decode(absl::string_view bytes);

// The message's name as the protocol page and logs have it: "hello", "grant".
absl::string_view Name(const Message& message);

// An upper bound of the encoded bytes of a part of a message, to fill messages
// without encoding twice. kMaxEnvelopeBytes are enough for what is around the
// parts of a message, and around the tests of one lease.
std::size_t EncodedBound(const ResultItem& item);
std::size_t EncodedBound(const Event& event);
std::size_t EncodedBound(const TestSpec& test);
std::size_t EncodedBound(const SuiteSpec& suite);
std::size_t EncodedBound(const LeasedTest& test);
inline constexpr std::size_t kMaxEnvelopeBytes = 128;

// Whether a manifest may hold `spec`. Returns kInvalidArgument with what is
// wrong with which field of it, in a clause: "labels: 1500 entries, at most
// 1024". Cheap where nothing is: a manifest may have 100,000 tests.
absl::Status CheckSpec(const TestSpec& spec);
absl::Status CheckSpec(const SuiteSpec& spec);

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_CODEC_H_
