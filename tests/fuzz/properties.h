// What must hold for any bytes that a peer or a worker sends. The fuzz targets
// look for bytes that break it, and a unit test replays all that were ever
// kept in corpus/.

#ifndef PACELINE_TESTS_FUZZ_PROPERTIES_H_
#define PACELINE_TESTS_FUZZ_PROPERTIES_H_

#include "absl/strings/string_view.h"

namespace paceline {

// Each ends the process (PACELINE_CHECK) where its property does not hold.

// A fleet message that decodes is one that encodes, to no more bytes than its
// bounds say, and decodes to itself.
void CheckFleetDecode(absl::string_view bytes);

// The same for the maps of the worker protocol in both directions; and a
// stream gives the same frames in whatever pieces it comes.
void CheckWorkerDecode(absl::string_view bytes);

// What a collector says, which runs the user's conftest files, is decoded or
// refused with a sentence.
void CheckCollectorDecode(absl::string_view bytes);

// A journal record that decodes is one that encodes, to no more bytes, and
// decodes to itself.
void CheckRecordDecode(absl::string_view bytes);

// The same for what the runners ctest and command put into a manifest, which
// an agent has from somebody else's client.
void CheckPayloadDecode(absl::string_view bytes);

}  // namespace paceline

#endif  // PACELINE_TESTS_FUZZ_PROPERTIES_H_
