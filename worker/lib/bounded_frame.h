// Frames that an agent will take, whatever a runner puts into a result.
//
// A frame over kMaxWorkerFrame ends the conversation, and the worker with it,
// and so do more entries than an agent reads. What an agent would cut is cut
// here, and where that is not enough the output too, with the number of its
// bytes; the outcome always arrives.

#ifndef PACELINE_WORKER_LIB_BOUNDED_FRAME_H_
#define PACELINE_WORKER_LIB_BOUNDED_FRAME_H_

#include <string>

#include "worker/protocol/messages.h"

namespace paceline {

// Appends the frame of `message` to `frames`, shortened where it must be.
void AppendBoundedFrame(FromWorker message, std::string& frames);

}  // namespace paceline

#endif  // PACELINE_WORKER_LIB_BOUNDED_FRAME_H_
