// Running a program that lists tests, without trusting it.
//
// A listing is somebody else's program: it may hang, run tests instead, print
// without end, or leave children behind. It gets /dev/null as input, a process
// group that ends with us, a time bound and an output bound; when a bound is
// reached its whole process tree is killed. Standard output is handed on in
// chunks, so that a long listing is never held whole.

#ifndef PACELINE_WORKER_DISCOVERY_RUN_LISTING_H_
#define PACELINE_WORKER_DISCOVERY_RUN_LISTING_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/os/subprocess.h"
#include "worker/discovery/process_group.h"

namespace paceline {

struct ListingCommand {
  // Looked up in the PATH of `env` when it has no slash.
  std::string program;
  // argv[0] included.
  std::vector<std::string> argv;
  // The whole environment, "NAME=value" each.
  std::vector<std::string> env;
  // Empty: ours.
  std::string working_directory;
  Duration timeout = std::chrono::seconds(60);
  // Of standard output, in bytes.
  std::size_t max_output = std::size_t{1} << 30;
  // Asked a few times a second; true ends the listing. May be empty.
  std::function<bool()> cancelled;
  // What the program leaves running in its group is for the tests, and is
  // handed on as ListingEnd::left.
  bool keep_left = false;
};

struct ListingEnd {
  WaitStatus status;
  // The last few kilobytes of standard error.
  std::string error_tail;
  // With keep_left: the group, killed with the last of its holders.
  std::shared_ptr<ProcessGroup> left;
};

// Takes a chunk of standard output; a bad status ends the listing.
using ListingOutput = std::function<absl::Status(absl::string_view)>;

// Runs `command` to its end. How the program ended is no error here: some list
// completely and then fail.
//
// Returns what Spawn says when the program cannot be started,
// kDeadlineExceeded after `timeout`, kResourceExhausted when it printed more
// than `max_output`, kCancelled, or the status of `output`. Nothing is left
// running below the program or in its process group, but for what keep_left
// asks for after its own end. What has left both, a daemon in a session of its
// own, is not found.
absl::StatusOr<ListingEnd> RunListing(const ListingCommand& command,
                                      const ListingOutput& output);

}  // namespace paceline

#endif  // PACELINE_WORKER_DISCOVERY_RUN_LISTING_H_
