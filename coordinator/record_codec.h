// Journal records to bytes and back, bounded: what a durable journal keeps in
// a row, and what it reads again.
//
// A record is a MessagePack array [kind, fields…] as in the fleet protocol,
// with the same rules for every field, so that damaged bytes are an error and
// nothing else. Kinds are never used again for anything else.

#ifndef PACELINE_COORDINATOR_RECORD_CODEC_H_
#define PACELINE_COORDINATOR_RECORD_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/journal.h"

namespace paceline {

std::string EncodeRecord(const Record& record);

// Returns kDataLoss, naming the field, for anything but one record.
absl::StatusOr<Record> DecodeRecord(absl::string_view bytes);

}  // namespace paceline

#endif  // PACELINE_COORDINATOR_RECORD_CODEC_H_
