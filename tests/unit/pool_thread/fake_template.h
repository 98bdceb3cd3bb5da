// A template of command workers that does what its name says: this test
// program, run again.

#ifndef PACELINE_TESTS_UNIT_POOL_THREAD_FAKE_TEMPLATE_H_
#define PACELINE_TESTS_UNIT_POOL_THREAD_FAKE_TEMPLATE_H_

#include "absl/strings/string_view.h"

namespace paceline {

// As `behaviour`:
//   forks   whatever is asked for
//   plain   cannot fork
//   hangs   while it loads
//   dies    when it is asked to fork
//   deaf    says hello and heeds nothing, not even the end of its socket
// Where it may be no template it is a worker of commands at once. Writes
// "loaded" to the file of FAKE_TEMPLATE_LOG when it has its suite. The exit
// code, of it and of each worker.
int RunFakeTemplate(absl::string_view behaviour);

}  // namespace paceline

#endif  // PACELINE_TESTS_UNIT_POOL_THREAD_FAKE_TEMPLATE_H_
