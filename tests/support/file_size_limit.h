// A disk that is full, as far as this process can tell: no file of it may grow
// beyond a size.

#ifndef PACELINE_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_
#define PACELINE_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_

#include <signal.h>
#include <sys/resource.h>

#include <cstdint>

namespace paceline {

// While it lives; of all threads.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) {
    // Writing more is an error then and no signal.
    before_handler_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, before_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t before_handler_ = SIG_DFL;
};

}  // namespace paceline

#endif  // PACELINE_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_
