// Names of GoogleTest's cases, as every part of this runner writes them.

#ifndef PACELINE_WORKER_GTEST_CASE_NAME_H_
#define PACELINE_WORKER_GTEST_CASE_NAME_H_

#include <string>

#include "absl/strings/string_view.h"

namespace paceline {

// `raw` with each byte that is no part of valid UTF-8 replaced by '?'. Names of
// types may hold any bytes; with the same replacement on every way in, the
// listing, the stream and the XML still agree, and in a filter '?' matches the
// byte that was there.
std::string CleanName(absl::string_view raw);

// "Suite.Case", clean.
std::string FullName(absl::string_view suite, absl::string_view test);

// Whether the case `name` is of `suite`. Dots may stand in the names of both;
// of a suite, only a type's does so.
bool IsOfSuite(absl::string_view name, absl::string_view suite);

// Whether GoogleTest takes the case for disabled: "DISABLED_" begins the name
// of the suite or of the case, or follows a '/' in either.
bool IsDisabled(absl::string_view suite, absl::string_view test);

}  // namespace paceline

#endif  // PACELINE_WORKER_GTEST_CASE_NAME_H_
