// Cutting output to a bound: the first and the last part stay, and how much
// went is counted.

#ifndef PACELINE_AGENT_CUT_OUTPUT_H_
#define PACELINE_AGENT_CUT_OUTPUT_H_

#include <cstdint>

#include "common/model/result.h"

namespace paceline {

// Leaves `limit` bytes of `output` at most, half from either end.
void CutOutput(std::uint64_t limit, CapturedOutput& output);

}  // namespace paceline

#endif  // PACELINE_AGENT_CUT_OUTPUT_H_
