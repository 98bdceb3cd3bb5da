// One message of every type of the fleet protocol, each field of it different
// from its default, for the tests of the codec.

#ifndef PACELINE_TESTS_UNIT_WIRE_SAMPLE_MESSAGES_H_
#define PACELINE_TESTS_UNIT_WIRE_SAMPLE_MESSAGES_H_

#include <vector>

#include "common/wire/messages.h"

namespace paceline {

RunId SampleRun();
TestResult SampleResult();
TestSpec SampleTest();
SuiteSpec SampleSuite();
Lease SampleLease();

// In the order of Message's alternatives.
std::vector<Message> SampleMessages();

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_WIRE_SAMPLE_MESSAGES_H_
