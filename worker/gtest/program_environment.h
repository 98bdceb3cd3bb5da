// The variables that change what a GoogleTest program does.

#ifndef PACELINE_WORKER_GTEST_PROGRAM_ENVIRONMENT_H_
#define PACELINE_WORKER_GTEST_PROGRAM_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "common/model/manifest.h"

namespace paceline {

// Edits that unset every such variable: a GTEST_TOTAL_SHARDS or a
// XML_OUTPUT_FILE that somebody else's tool left in the environment would make
// a program run other tests than those it is asked for. All of GoogleTest's
// own are named, as an agent's environment is not the client's, and whatever
// else begins with GTEST_ in `env` ("NAME=value" each). Names in `keep` are
// left alone.
std::vector<EnvEdit> ClearGtestVariables(const std::vector<std::string>& env,
                                         const std::vector<std::string>& keep);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_PROGRAM_ENVIRONMENT_H_
