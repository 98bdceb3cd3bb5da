#include "agent/process_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/base/status_macros.h"
#include "common/os/subprocess.h"
#include "common/wire/messages.h"

namespace paceline {
namespace {

// Of what a worker itself prints; a result carries no more.
constexpr std::size_t kLastOutput = kMaxInlineOutput;
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

using ReadBuffer = std::array<char, kReadBytes>;

}  // namespace

absl::StatusOr<std::pair<ProcessChannel, ProcessChannel::WorkerEnds>>
ProcessChannel::Open() {
  PACELINE_ASSIGN_OR_RETURN(auto socket, MakeSocketPair());
  PACELINE_ASSIGN_OR_RETURN(auto output, MakePipe());
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(socket.first.get()));
  PACELINE_RETURN_IF_ERROR(SetNonBlocking(output.first.get()));
  ProcessChannel channel;
  channel.socket_ = std::move(socket.first);
  channel.output_ = std::move(output.first);
  return std::make_pair(
      std::move(channel),
      WorkerEnds{std::move(socket.second), std::move(output.second)});
}

ProcessChannel::Read ProcessChannel::ReadSocket() {
  if (!socket_.valid()) {
    return Read::kNothing;
  }
  ReadBuffer buffer;
  const ssize_t n = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (n < 0) {
    if (errno == EINTR) {
      return Read::kMore;
    }
    before_words_ = dropped_ + last_output_.size();
    return Read::kNothing;
  }
  if (n == 0) {
    return Read::kEnd;
  }
  if (!given_up_) {
    frames_.Append({buffer.data(), static_cast<std::size_t>(n)});
  }
  return Read::kMore;
}

absl::StatusOr<std::optional<absl::string_view>> ProcessChannel::NextFrame() {
  if (given_up_) {
    return std::nullopt;
  }
  return frames_.Next();
}

ProcessChannel::Read ProcessChannel::ReadOutput() {
  if (!output_.valid()) {
    return Read::kNothing;
  }
  ReadBuffer buffer;
  const ssize_t n = read(output_.get(), buffer.data(), buffer.size());
  if (n < 0) {
    return errno == EINTR ? Read::kMore : Read::kNothing;
  }
  if (n == 0) {
    return Read::kEnd;
  }
  last_output_.append(buffer.data(), static_cast<std::size_t>(n));
  if (last_output_.size() > kLastOutput) {
    const std::size_t over = last_output_.size() - kLastOutput;
    last_output_.erase(0, over);
    dropped_ += over;
  }
  return Read::kMore;
}

void ProcessChannel::ForgetOlderOutput() {
  const std::uint64_t older = std::exchange(before_words_, 0);
  if (older <= dropped_) {
    dropped_ -= older;
    return;
  }
  last_output_.erase(0, older - dropped_);
  dropped_ = 0;
}

void ProcessChannel::Send(const ToWorker& message) {
  if (!socket_.valid()) {
    return;
  }
  const bool idle = unsent_.empty();
  AppendFrame(message, unsent_);
  if (idle) {
    Flush();
  }
}

void ProcessChannel::Flush() {
  while (socket_.valid() && !unsent_.empty()) {
    const ssize_t n =
        send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        unsent_.clear();  // it is gone, which its end will tell
      }
      return;
    }
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
}

absl::Status ProcessChannel::SendWithDescriptors(
    const ToWorker& message, const std::array<int, 2>& fds) const {
  if (!socket_.valid() || has_unsent()) {
    return absl::UnavailableError("it is gone, or does not read");
  }
  std::string frame;
  AppendFrame(message, frame);
  iovec data{frame.data(), frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // A few hundred bytes: a socket that takes only some of them is not read.
  return sent == static_cast<ssize_t>(frame.size())
             ? absl::OkStatus()
             : absl::UnavailableError("its socket is full or closed");
}

void ProcessChannel::EndSending() {
  Flush();
  if (socket_.valid()) {
    shutdown(socket_.get(), SHUT_WR);
  }
}

}  // namespace paceline
