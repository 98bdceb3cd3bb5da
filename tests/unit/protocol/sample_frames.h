// One message of every type of the worker protocol, each field of it different
// from its default, for the tests of the codec.

#ifndef PACELINE_TESTS_UNIT_PROTOCOL_SAMPLE_FRAMES_H_
#define PACELINE_TESTS_UNIT_PROTOCOL_SAMPLE_FRAMES_H_

#include <vector>

#include "worker/protocol/messages.h"

namespace paceline {

// In the order of the variants' alternatives.
std::vector<FromWorker> SamplesFromWorker();
std::vector<ToWorker> SamplesToWorker();

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_PROTOCOL_SAMPLE_FRAMES_H_
