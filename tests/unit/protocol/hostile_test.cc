// What the worker protocol's codec refuses, and that it names the key.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <iterator>
// The tool to take messages apart; the codec has a reader of its own.
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <map>
#include <msgpack.hpp>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/wire/msgpack_writer.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/protocol/sample_frames.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using std::string_literals::operator""s;

template <typename M>
std::string MapOf(const M& message) {
  std::string frame;
  AppendFrame(message, frame);
  return frame.substr(4);
}

std::string Written(const std::function<void(MsgpackWriter&)>& write) {
  std::string bytes;
  MsgpackWriter writer(bytes);
  write(writer);
  return bytes;
}

struct Direction {
  std::vector<std::string> maps;
  std::function<absl::Status(absl::string_view)> decode;
};

std::vector<Direction> Directions() {
  Direction from;
  for (const FromWorker& sample : SamplesFromWorker()) {
    from.maps.push_back(MapOf(sample));
  }
  from.decode = [](absl::string_view map) {
    return DecodeFromWorker(map).status();
  };
  Direction to;
  for (const ToWorker& sample : SamplesToWorker()) {
    to.maps.push_back(MapOf(sample));
  }
  to.decode = [](absl::string_view map) {
    return DecodeToWorker(map).status();
  };
  return {from, to};
}

TEST(HostileWorkerTest, EveryTruncationIsRefused) {
  for (const Direction& direction : Directions()) {
    for (const std::string& map : direction.maps) {
      for (std::size_t size = 0; size < map.size(); ++size) {
        const std::string cut = map.substr(0, size);
        EXPECT_THAT(direction.decode(cut),
                    StatusIs(StatusCode::kInvalidArgument))
            << "cut at " << size;
      }
    }
  }
}

TEST(HostileWorkerTest, BytesAfterTheMapAreRefused) {
  for (const Direction& direction : Directions()) {
    for (const std::string& map : direction.maps) {
      EXPECT_THAT(direction.decode(absl::StrCat(map, "x")),
                  StatusIs(StatusCode::kInvalidArgument,
                           "message: 1 bytes after its end"));
    }
  }
}

TEST(HostileWorkerTest, AnotherTypeUnderAnyKeyIsRefusedByName) {
  for (const Direction& direction : Directions()) {
    for (const std::string& map : direction.maps) {
      const msgpack::object_handle handle =
          msgpack::unpack(map.data(), map.size());
      std::map<std::string, msgpack::object> keys;
      handle.get().convert(keys);
      for (auto& [key, value] : keys) {
        const msgpack::object kept = value;
        value = msgpack::object(true);
        if (kept.type == msgpack::type::BOOLEAN) {
          value = msgpack::object(0);
        }
        msgpack::sbuffer changed;
        msgpack::pack(changed, keys);
        EXPECT_THAT(
            direction.decode(absl::string_view(changed.data(), changed.size())),
            StatusIs(StatusCode::kInvalidArgument,
                     HasSubstr(absl::StrCat(".", key, ": is a"))));
        value = kept;
      }
    }
  }
}

TEST(HostileWorkerTest, AMissingRequiredKeyIsNamed) {
  const std::pair<std::size_t, std::vector<const char*>> from[] = {
      {0, {"protocol", "runner"}},
      {1, {"request", "message"}},
      {2, {"request", "test"}},
      {3, {"request", "test", "timeout_ns"}},
      {4, {"request", "test", "outcome"}},
      {5, {"request"}},
      {6, {"request", "pids"}},
      {7, {"forkable"}},
      {8, {"request", "pid"}},
      {9, {"request", "message"}},
      {10, {}},
      {11, {"request", "name", "outcome"}},
      {12, {"request", "properties"}},
      {13, {"request", "name"}},
  };
  ASSERT_EQ(std::size(from), std::variant_size_v<FromWorker>);
  const std::vector<FromWorker> samples = SamplesFromWorker();
  for (const auto& [position, required] : from) {
    const std::string map = MapOf(samples[position]);
    const msgpack::object_handle handle =
        msgpack::unpack(map.data(), map.size());
    for (const char* name : required) {
      std::map<std::string, msgpack::object> keys;
      handle.get().convert(keys);
      ASSERT_EQ(keys.erase(name), 1U) << name;
      msgpack::sbuffer changed;
      msgpack::pack(changed, keys);
      // A duration is missing under both its names.
      const absl::string_view stem =
          absl::string_view(name) == "timeout_ns" ? "timeout" : name;
      EXPECT_THAT(
          DecodeFromWorker(absl::string_view(changed.data(), changed.size())),
          StatusIs(StatusCode::kInvalidArgument,
                   AllOf(HasSubstr(absl::StrCat(".", stem)),
                         HasSubstr(": is missing"))));
    }
  }
}

TEST(HostileWorkerTest, AnUnknownTypeIsUnimplementedAndNotInvalid) {
  const auto typed = [](absl::string_view type) {
    return Written([type](MsgpackWriter& out) {
      out.Map(1);
      out.String("type");
      out.String(type);
    });
  };
  EXPECT_THAT(DecodeFromWorker(typed("test_paused")),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("test_paused")));
  // What one side says is unknown to the other.
  EXPECT_THAT(DecodeFromWorker(typed("stop")),
              StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(DecodeToWorker(typed("hello")),
              StatusIs(StatusCode::kUnimplemented));
  // The error is one line, whatever the type.
  EXPECT_THAT(DecodeFromWorker(typed("\n\xff" + std::string(100'000, 'x'))),
              StatusIs(StatusCode::kUnimplemented,
                       AllOf(testing::Not(HasSubstr("\n")),
                             testing::SizeIs(testing::Le(200U)))));
}

struct Bytes {
  const char* what;
  std::string bytes;
  const char* error;
};

TEST(HostileWorkerTest, WhatIsNoMessageIsRefused) {
  const Bytes cases[] = {
      {"nothing", "", "message: is missing: the bytes end before a map"},
      {"text", "hello", "message: is an integer, not a map"},
      {"array", "\x90", "message: is an array, not a map"},
      {"empty map", "\x80", "message.type: is missing"},
      {"map of four billion", "\xdf\xff\xff\xff\xff",
       "message: is a map, cut short"},
      {"a number for a key", "\x81\x01\x01",
       "message: a key is an integer, not a string"},
      {"a number for a type", "\x81\xa4type\x01",
       "message.type: is an integer, not a string"},
      {"two types", "\x82\xa4type\xa4stop\xa4type\xa4stop",
       "message.type: is given twice"},
      {"deep arrays", "\x81\xa1x" + std::string(100'000, '\x91'),
       "message: an unknown key's value is cut short"},
      {"deep maps under a key",
       [] {
         std::string deep = "\x81\xa1x";
         for (int i = 0; i < 100'000; ++i) {
           deep += "\x81\xa1x";
         }
         return deep + "\xc0";
       }(),
       "message: an unknown key's value is cut short"},
      {"long list under an unknown key", "\x81\xa1x\xdd\xff\xff\xff\xff",
       "message: an unknown key's value is cut short"},
      {"long list under a known key",
       "\x83\xa4type\xa8run_unit\xa7request\x01\xa5tests\xdd\x00\xff\xff\xff"s,
       "message: an unknown key's value is cut short"},
      {"no MessagePack under an unknown key", "\x81\xa1x\xc1",
       "message: an unknown key's value is cut short"},
  };
  for (const Bytes& c : cases) {
    EXPECT_THAT(DecodeToWorker(c.bytes),
                StatusIs(StatusCode::kInvalidArgument, StartsWith(c.error)))
        << c.what;
    EXPECT_THAT(DecodeFromWorker(c.bytes),
                StatusIs(StatusCode::kInvalidArgument, StartsWith(c.error)))
        << c.what;
  }
}

TEST(HostileWorkerTest, AMapOverTheFrameBoundIsNotEvenLookedAt) {
  EXPECT_THAT(DecodeFromWorker(std::string(kMaxWorkerFrame + 1, '\x81')),
              StatusIs(StatusCode::kInvalidArgument,
                       "message: 8388609 bytes, at most 8388608"));
}

// A test_finished with one key more.
std::string FinishedWith(const char* key,
                         const std::function<void(MsgpackWriter&)>& value,
                         const char* outcome = "passed") {
  return Written([&](MsgpackWriter& out) {
    out.Map(5);
    out.String("type");
    out.String("test_finished");
    out.String("request");
    out.Uint(1);
    out.String("test");
    out.Uint(0);
    out.String("outcome");
    out.String(outcome);
    out.String(key);
    value(out);
  });
}

std::string Double(std::uint64_t bits) {
  std::string bytes = "\xcb";
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(bits >> shift);
  }
  return bytes;
}

TEST(HostileWorkerTest, ValuesOutOfBoundsAreRefusedByName) {
  const auto nil = [](MsgpackWriter& out) { out.Nil(); };
  const auto uint = [](std::uint64_t value) {
    return [value](MsgpackWriter& out) { out.Uint(value); };
  };
  // `bytes` in the place of the last key's value.
  const auto seconds = [&](const std::string& bytes) {
    std::string map = FinishedWith("duration", nil);
    return map.replace(map.size() - 1, 1, bytes);
  };
  const std::pair<std::string, const char*> cases[] = {
      {FinishedWith("outcome", nil), "test_finished.outcome: is given twice"},
      {FinishedWith("x", nil, "broken"),
       "test_finished.outcome: is \"broken\", which is no outcome"},
      {FinishedWith("x", nil, "flaky"),
       "test_finished.outcome: is \"flaky\", which is no outcome"},
      {FinishedWith("x", nil, "lost"),
       "test_finished.outcome: is \"lost\", which is not for a worker to say"},
      {FinishedWith("line", uint(std::uint64_t{1} << 32)),
       "test_finished.line: is 4294967296, at most 4294967295"},
      {FinishedWith("duration_ns", [](MsgpackWriter& out) { out.Int(-1); }),
       "test_finished.duration_ns: is -1 ns, below zero"},
      {FinishedWith("duration_ns", uint(INT64_MAX)),
       "test_finished.duration_ns: is 9223372036854775807 ns, over ten years"},
      {seconds(Double(0xbff0'0000'0000'0000)),  // -1
       "test_finished.duration: is -1 s, not from 0 to ten years"},
      {seconds(Double(0x7ff0'0000'0000'0000)),  // infinity
       "test_finished.duration: is inf s, not from 0 to ten years"},
      {seconds(Double(0x7ff8'0000'0000'0000)),
       "test_finished.duration: is nan s, not from 0 to ten years"},
      {seconds("\xa1x"), "test_finished.duration: is a string, not seconds"},
      {FinishedWith("health",
                    [](MsgpackWriter& out) {
                      out.Map(1);
                      out.String("rss_bytes");
                      out.String("a lot");
                    }),
       "test_finished.health.rss_bytes: is a string, not an integer from 0"},
      {FinishedWith("properties",
                    [](MsgpackWriter& out) {
                      out.Array(1);
                      out.Array(3);
                      for (int i = 0; i < 3; ++i) {
                        out.String("x");
                      }
                    }),
       "test_finished.properties[0]: 3 fields, exactly 2"},
      {MapOf(FromWorker(
           WorkerUnitFinished{1, {}, "", {}, std::vector<ExtraResult>(1025)})),
       "unit_finished.extras: 1025 entries, at most 1024"},
      {MapOf(
           FromWorker(WorkerUnitFinished{1, {}, "", {}, {{"", TestResult{}}}})),
       "unit_finished.extras[0].name: is empty"},
      {MapOf(FromWorker(
           WorkerUnitFinished{1, {}, "", {}, {{"a\0b"s, TestResult{}}}})),
       "unit_finished.extras[0].name: holds a NUL byte"},
      {MapOf(FromWorker(WorkerFoundStarted{1, "", {}})),
       "found_started.name: is empty"},
      {MapOf(FromWorker(WorkerFoundStarted{1, std::string(4097, 'x'), {}})),
       "found_started.name: is 4097 bytes, at most 4096"},
      {MapOf(FromWorker(WorkerHello{1, "\x1b[2J", 1, {}, false})),
       "hello.runner: is not UTF-8 without control characters"},
      {MapOf(FromWorker(WorkerHello{1, "", 1, {}, false})),
       "hello.runner: is empty"},
  };
  for (const auto& [map, error] : cases) {
    EXPECT_THAT(DecodeFromWorker(map),
                StatusIs(StatusCode::kInvalidArgument, StartsWith(error)));
  }
}

TEST(HostileWorkerTest, WhatAnAgentSaysIsBoundedAsWell) {
  const auto unit = [](const std::function<void(WorkerRunUnit&)>& change) {
    auto message = std::get<WorkerRunUnit>(SamplesToWorker()[1]);
    change(message);
    return MapOf(ToWorker(message));
  };
  const std::pair<std::string, const char*> cases[] = {
      {unit([](WorkerRunUnit& m) { m.tests.resize(1025, m.tests[0]); }),
       "run_unit.tests: 1025 entries, at most 1024"},
      {unit([](WorkerRunUnit& u) { u.found.assign(1025, "x"); }),
       "run_unit.found: 1025 entries, at most 1024"},
      {unit([](WorkerRunUnit& m) { m.tests[1].name = ""; }),
       "run_unit.tests[1].name: is empty"},
      {unit([](WorkerRunUnit& m) { m.tests[0].payload.assign(49'153, 'x'); }),
       "run_unit.tests[0].payload: is 49153 bytes, at most 49152"},
      {unit([](WorkerRunUnit& m) { m.tests[0].env[0].name = ""; }),
       "run_unit.tests[0].env[0]: is empty"},
      {unit([](WorkerRunUnit& m) { m.temp_dir.assign(1, '\0'); }),
       "run_unit.temp_dir: holds a NUL byte"},
  };
  for (const auto& [map, error] : cases) {
    EXPECT_THAT(DecodeToWorker(map),
                StatusIs(StatusCode::kInvalidArgument, error));
  }
}

}  // namespace
}  // namespace paceline
