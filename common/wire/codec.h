// Fleet messages to bytes and back, bounded.
//
// The only file of the fleet protocol that knows MessagePack. Everything a
// peer sends passes through Decode, which checks types, arity, ranges, list
// and string lengths, and that ids are not zero where that is forbidden, and
// names the field in its error.

#ifndef PACELINE_COMMON_WIRE_CODEC_H_
#define PACELINE_COMMON_WIRE_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/wire/messages.h"

namespace paceline {

// Appends nothing and fails never: every Message has an encoding. The caller
// keeps messages under kMaxMessageBytes; EncodedSizeHint helps to.
std::string Encode(const Message& message);

// Returns kInvalidArgument, naming message and field, for anything that is not
// exactly one message of version 1; no exception, no memory beyond a small
// multiple of `bytes`.
absl::StatusOr<Message> Decode(absl::string_view bytes);

// The message's name as the protocol page and logs have it: "hello", "grant".
absl::string_view Name(const Message& message);

// An upper bound of the encoded bytes of a part of a message, to fill messages
// without encoding twice.
std::size_t EncodedBound(const ResultItem& item);
std::size_t EncodedBound(const Event& event);
std::size_t EncodedBound(const TestSpec& test);
std::size_t EncodedBound(const SuiteSpec& suite);
std::size_t EncodedBound(const LeasedTest& test);

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_CODEC_H_
