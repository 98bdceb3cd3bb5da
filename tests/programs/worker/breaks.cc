// A worker that breaks the worker protocol in the way that its name says, as a
// link to worker_breaks. On raw descriptors, from docs/worker-protocol.md
// alone: paceline's own library would not let it.
//
// Two scopes of three tests, "before", "breaks" and "after"; only the one in
// the middle, or what follows the last one, goes wrong. Afterwards it goes on
// as if nothing had happened and says that all is well. It claims 100 ms for
// each test, so that each scope is a unit of its own.

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using Value = std::variant<std::uint64_t, std::string>;
using Entries = std::vector<std::pair<std::string, Value>>;

std::string Header(std::uint32_t length) {
  std::string header;
  for (int shift = 24; shift >= 0; shift -= 8) {
    header.push_back(static_cast<char>(length >> shift));
  }
  return header;
}

std::string Frame(const Entries& entries) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  packer.pack_map(static_cast<std::uint32_t>(entries.size()));
  for (const auto& [key, value] : entries) {
    packer.pack(key);
    std::visit([&packer](const auto& held) { packer.pack(held); }, value);
  }
  return Header(static_cast<std::uint32_t>(buffer.size())) +
         std::string(buffer.data(), buffer.size());
}

// What a request to run a unit says.
struct Unit {
  std::uint64_t request = 0;
  std::vector<std::string> tests;
};

class Worker {
 public:
  Worker(std::string name, int socket)
      : name_(std::move(name)), socket_(socket) {}

  void Serve() {
    if (name_ == "no_hello") {
      Send(Frame({{"type", "test_started"}, {"request", 1U}, {"test", 0U}}));
    } else {
      Send(Frame({{"type", "hello"}, {"protocol", 1U}, {"runner", "breaks"}}));
    }
    for (;;) {
      const msgpack::object_handle message = Receive();
      std::map<std::string, msgpack::object> keys;
      message.get().convert(keys);
      const auto type = keys.at("type").as<std::string>();
      if (type == "shutdown") {
        return;
      }
      if (type == "run_unit") {
        Unit unit;
        unit.request = keys.at("request").as<std::uint64_t>();
        std::vector<std::map<std::string, msgpack::object>> tests;
        keys.at("tests").convert(tests);
        for (const auto& test : tests) {
          unit.tests.push_back(test.at("name").as<std::string>());
        }
        RunUnit(unit);
      }
    }
  }

 private:
  void Send(const std::string& bytes) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          write(socket_, bytes.data() + sent, bytes.size() - sent);
      if (n <= 0) {
        _exit(0);  // the agent is gone
      }
      sent += static_cast<std::size_t>(n);
    }
  }

  std::string Read(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t n = read(socket_, bytes.data() + have, size - have);
      if (n <= 0) {
        _exit(0);
      }
      have += static_cast<std::size_t>(n);
    }
    return bytes;
  }

  msgpack::object_handle Receive() const {
    std::uint32_t length = 0;
    for (const char byte : Read(4)) {
      length = length << 8 | static_cast<unsigned char>(byte);
    }
    const std::string body = Read(length);
    return msgpack::unpack(body.data(), body.size());
  }

  void Finish(std::uint64_t request, std::uint64_t test,
              const char* outcome) const {
    Send(Frame({{"type", "test_finished"},
                {"request", request},
                {"test", test},
                {"outcome", outcome},
                {"duration_ns", 100'000'000U}}));
  }

  void RunUnit(const Unit& unit) const {
    for (std::size_t i = 0; i < unit.tests.size(); ++i) {
      const bool breaks = unit.tests[i].find("breaks") != std::string::npos;
      if (breaks && name_ == "skips_tests") {
        break;
      }
      Send(Frame(
          {{"type", "test_started"}, {"request", unit.request}, {"test", i}}));
      if (breaks) {
        Break(unit.request, i);
      }
      Finish(unit.request, i, "passed");
    }
    if (name_ == "dies_in_tear_down") {
      const rlimit none = {0, 0};
      setrlimit(RLIMIT_CORE, &none);
      abort();
    }
    Send(Frame({{"type", "unit_finished"}, {"request", unit.request}}));
    if (name_ == "chatters") {
      Send(Frame(
          {{"type", "test_started"}, {"request", unit.request}, {"test", 0U}}));
    }
  }

  void Break(std::uint64_t request, std::uint64_t test) const {
    if (name_ == "garbage_frame") {
      // 0xc1 is the one byte that begins no MessagePack.
      Send(Header(64) + std::string(64, '\xc1'));
    } else if (name_ == "huge_frame") {
      Send(Header(0xffffffffU) + std::string(std::size_t{16} << 20, 'x'));
    } else if (name_ == "half_frame") {
      Send(Header(64) + "too little");
      _exit(0);
    } else if (name_ == "unknown_type") {
      Send(Frame({{"type", "test_succeeded"}, {"request", request}}));
    } else if (name_ == "unknown_outcome") {
      Finish(request, test, "splendid");
    } else if (name_ == "wrong_request") {
      Finish(request + 7, test, "passed");
    } else if (name_ == "unasked_test") {
      Finish(request, 99, "passed");
    } else if (name_ == "finishes_twice") {
      Finish(request, test - 1, "passed");
    } else if (name_ == "hangs_up") {
      close(socket_);
      for (;;) {
        pause();
      }
    }
  }

  const std::string name_;
  const int socket_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--paceline-list") == 0) {
    for (const char* scope : {"s0", "s1"}) {
      for (const char* test : {"before", "breaks", "after"}) {
        std::printf("%s\t%s.%s\n", scope, scope, test);
      }
    }
    return 0;
  }
  const char* const socket = getenv("PACELINE_WORKER_FD");
  if (socket == nullptr) {
    std::fprintf(stderr, "%s is started by a paceline agent\n", argv[0]);
    return 2;
  }
  const char* const slash = std::strrchr(argv[0], '/');
  Worker(slash == nullptr ? argv[0] : slash + 1, atoi(socket)).Serve();
  return 0;
}
