// What the fleet's codec refuses, and that it says where and why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// The oracle and the tool to take messages apart; the codec has a reader of
// its own.
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <functional>
#include <msgpack.hpp>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "common/wire/msgpack_writer.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/wire/sample_messages.h"

namespace paceline {
namespace {

using absl::StatusCode;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string Pack(const std::vector<msgpack::object>& fields) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, fields);
  return std::string(buffer.data(), buffer.size());
}

// The encoded message as msgpack-c sees it: its array's entries.
class Parts {
 public:
  explicit Parts(const Message& message) {
    const std::string bytes = Encode(message);
    handle_ = msgpack::unpack(bytes.data(), bytes.size());
    handle_.get().convert(fields);
  }

  std::vector<msgpack::object> fields;

 private:
  msgpack::object_handle handle_;
};

TEST(HostileTest, EveryTruncationIsRefused) {
  for (const Message& sample : SampleMessages()) {
    const std::string bytes = Encode(sample);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of the exact size, so that AddressSanitizer sees one byte more.
      const std::string cut = bytes.substr(0, size);
      EXPECT_THAT(Decode(cut), StatusIs(StatusCode::kInvalidArgument))
          << Name(sample) << " cut at " << size;
    }
  }
}

TEST(HostileTest, BytesAfterTheMessageAreRefused) {
  for (const Message& sample : SampleMessages()) {
    EXPECT_THAT(Decode(absl::StrCat(Encode(sample), "x")),
                StatusIs(StatusCode::kInvalidArgument,
                         absl::StrCat(std::string(Name(sample)),
                                      ": 1 bytes after its end")));
  }
}

TEST(HostileTest, AnotherArityIsRefused) {
  for (const Message& sample : SampleMessages()) {
    Parts parts(sample);
    const std::size_t arity = parts.fields.size() - 1;
    parts.fields.emplace_back();
    EXPECT_THAT(Decode(Pack(parts.fields)),
                StatusIs(StatusCode::kInvalidArgument,
                         absl::StrCat(std::string(Name(sample)), ": ",
                                      arity + 1, " fields, exactly ", arity)));
    parts.fields.pop_back();
    if (arity > 0) {
      parts.fields.pop_back();
      EXPECT_THAT(Decode(Pack(parts.fields)),
                  StatusIs(StatusCode::kInvalidArgument,
                           HasSubstr(absl::StrCat("fields, exactly ", arity))));
    }
  }
}

TEST(HostileTest, AnotherTypeInAnyFieldIsRefusedWithTheMessagesName) {
  for (const Message& sample : SampleMessages()) {
    Parts parts(sample);
    for (std::size_t i = 1; i < parts.fields.size(); ++i) {
      // No field of any message is a float.
      const msgpack::object kept = parts.fields[i];
      parts.fields[i] = msgpack::object(0.5);
      EXPECT_THAT(Decode(Pack(parts.fields)),
                  StatusIs(StatusCode::kInvalidArgument,
                           testing::AllOf(StartsWith(absl::StrCat(
                                              std::string(Name(sample)), ".")),
                                          HasSubstr("is a float, not "))));
      parts.fields[i] = kept;
    }
  }
}

TEST(HostileTest, AnyByteChangedNeverDecodesToWhatDoesNotEncodeBack) {
  for (const Message& sample : SampleMessages()) {
    const std::string bytes = Encode(sample);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const int change : {0x01, 0x0f, 0x80, 0xff}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ change);
        const absl::StatusOr<Message> decoded = Decode(changed);
        if (decoded.ok()) {
          EXPECT_THAT(Decode(Encode(*decoded)), IsOkAndHolds(*decoded));
        }
      }
    }
  }
}

struct Bytes {
  const char* what;
  std::string bytes;
  const char* error;
};

TEST(HostileTest, WhatIsNoMessageIsRefused) {
  using std::string_literals::operator""s;
  const Bytes cases[] = {
      {"nothing", "", "message: is missing: the bytes end before an array"},
      {"text", "GET / HTTP/1.1\r\n", "message: is an integer, not an array"},
      {"map", "\x80", "message: is a map, not an array"},
      {"empty array", "\x90", "message: is an empty array"},
      {"a type that is a string", "\x91\xa1x", "message: is a string, not"},
      {"unknown type", "\x91\x0f", "message: is of unknown type 15"},
      {"type past the table", "\x91\xcd\xff\xff",
       "message: is of unknown type 65535"},
      {"array of four billion", "\xdd\xff\xff\xff\xff",
       "message: is an array, cut short"},
      {"map of four billion", "\xdf\xff\xff\xff\xff",
       "message: is a map, cut short"},
      {"deep arrays", std::string(100'000, '\x91'),
       "message: is an array, not an integer"},
      {"never used", "\xc1", "message: is no MessagePack, not an array"},
      {"long list in short bytes", "\x93\x04\x01\xdd\x00\xff\xff\xff"s,
       "started.tokens: is an array, cut short"},
      {"long string in short bytes", "\x93\x15\x00\xdb\xff\xff\xff\xff"s,
       "refused.sentence: is a string, cut short"},
      {"negative id", "\x92\x09\xff",
       "draining.session: is a negative integer, not an integer from 0"},
      {"half a number", "\x92\x09\xcf\x01",
       "draining.session: is an integer, cut short"},
      {"a boolean for a number", "\x92\x09\xc3",
       "draining.session: is a boolean, not an integer from 0"},
  };
  for (const Bytes& c : cases) {
    EXPECT_THAT(Decode(c.bytes),
                StatusIs(StatusCode::kInvalidArgument, StartsWith(c.error)))
        << c.what;
  }
}

TEST(HostileTest, AMessageOverTheBoundIsNotEvenLookedAt) {
  EXPECT_THAT(Decode(std::string(kMaxMessageBytes + 1, '\x91')),
              StatusIs(StatusCode::kInvalidArgument,
                       "message: 262145 bytes, at most 262144"));
}

TEST(HostileTest, NumbersMayBeInAnyEncoding) {
  // Draining of session 7, as a signed 64-bit number.
  const std::string bytes("\x92\x09\xd3\x00\x00\x00\x00\x00\x00\x00\x07", 11);
  EXPECT_THAT(Decode(bytes), IsOkAndHolds(Message(Draining{SessionId{7}})));
}

// What the encoder carries and the decoder refuses.
struct OutOfBounds {
  Message message;
  const char* error;
};

template <typename M>
Message Changed(const std::function<void(M&)>& change) {
  for (Message& sample : SampleMessages()) {
    if (auto* message = std::get_if<M>(&sample)) {
      change(*message);
      return sample;
    }
  }
  return {};
}

TEST(HostileTest, ValuesOutOfBoundsAreRefusedByName) {
  const OutOfBounds cases[] = {
      // Ids that may not be zero.
      {Draining{SessionId{0}}, "draining.session: is 0, at least 1"},
      {RunOver{RunId{}}, "run_over.run: is zero"},
      {Started{SessionId{1}, {Token{1, 1}, Token{}}},
       "started.tokens[1]: is the zero token, which is nobody's"},
      {Changed<Hello>([](Hello& m) { m.instance = InstanceId{}; }),
       "hello.instance: is zero"},
      {Changed<Grant>([](Grant& m) { m.leases[0].unit = UnitId{0}; }),
       "grant.leases[0].unit: is 0, at least 1"},
      {Changed<Grant>([](Grant& m) { m.leases[0].parent = UnitId{0}; }),
       "grant.leases[0].parent: is 0, at least 1"},
      {Changed<Grant>([](Grant& m) { m.leases[0].tests[0].attempt = 0; }),
       "grant.leases[0].tests[0].attempt: is 0, at least 1"},
      {Changed<SubmitPart>([](SubmitPart& m) { m.part = 0; }),
       "submit_part.part: is 0, at least 1"},
      {Changed<Beat>([](Beat& m) { m.seq = 0; }), "beat.seq: is 0, at least 1"},
      {Changed<Output>([](Output& m) { m.attempt = 0; }),
       "output.attempt: is 0, at least 1"},
      {Changed<Results>([](Results& m) { m.first = 0; }),
       "results.first: is 0, at least 1"},
      {Changed<Results>(
           [](Results& m) { std::get<AttemptItem>(m.items[0]).attempt = 0; }),
       "results.items[0].attempt: is 0, at least 1"},
      {Changed<Results>(
           [](Results& m) { std::get<NoteItem>(m.items[3]).run = RunId{}; }),
       "results.items[3].run: is zero"},
      {Changed<Events>([](Events& m) { m.first = 0; }),
       "events.first: is 0, at least 1"},
      {Changed<Hello>([](Hello& m) { m.slots = 0; }),
       "hello.slots: is 0, at least 1"},
      // Numbers so near the end of their type that adding to them overflows.
      {Changed<Events>([](Events& m) { m.first = UINT64_MAX; }),
       "events.first: is 18446744073709551615, at most 4611686018427387904"},
      // Enumerations.
      {Refused{static_cast<RefusalCode>(7), ""},
       "refused.code: is 7, at most 6"},
      {Changed<SubmitOpen>(
           [](SubmitOpen& m) { m.options.on_lost = static_cast<OnLost>(2); }),
       "submit_open.options.on_lost: is 2, at most 1"},
      {Changed<Results>([](Results& m) {
         std::get<AttemptItem>(m.items[0]).result.outcome =
             static_cast<Outcome>(11);
       }),
       "results.items[0].result.outcome: is 11, at most 10"},
      {Changed<Results>([](Results& m) {
         std::get<UnitEndItem>(m.items[2]).end.recycled->signal =
             static_cast<RecycleSignal>(3);
       }),
       "results.items[2].end.recycled.signal: is 3, at most 2"},
      {Changed<Events>([](Events& m) {
         std::get<AttemptEvent>(m.events[1]).verdict = static_cast<Verdict>(12);
       }),
       "events.events[1].verdict: is 12, at most 11"},
      // Lists.
      {Started{SessionId{1}, std::vector<Token>(1025, Token{1, 1})},
       "started.tokens: 1025 entries, at most 1024"},
      {Changed<Grant>([](Grant& m) {
         m.leases.resize(4, m.leases[0]);
         m.leases[3].tests.resize(2000, m.leases[3].tests[0]);
       }),
       "grant.leases[3].tests: 2000 entries, at most 1024"},
      {Changed<Grant>([](Grant& m) {
         m.leases[0].tests.resize(600, m.leases[0].tests[0]);
         m.leases.resize(2, m.leases[0]);
       }),
       "grant.leases: name 1200 tests, at most 1024"},
      {Changed<Progress>([](Progress& m) { m.running.resize(65); }),
       "progress.running: 65 entries, at most 64"},
      // Strings.
      {Changed<Hello>([](Hello& m) { m.name = ""; }), "hello.name: is empty"},
      {Changed<Hello>([](Hello& m) { m.name = "a\nb"; }),
       "hello.name: is not UTF-8 without control characters"},
      {Changed<Hello>([](Hello& m) { m.host = "\xff"; }),
       "hello.host: is not UTF-8 without control characters"},
      {Changed<Hello>([](Hello& m) { m.labels[1] = "\x1b[2J"; }),
       "hello.labels[1]: is not UTF-8 without control characters"},
      {Changed<Hello>([](Hello& m) { m.name.assign(257, 'x'); }),
       "hello.name: is 257 bytes, at most 256"},
      {Changed<SubmitPart>([](SubmitPart& m) { m.tests[0].name = ""; }),
       "submit_part.tests[0].name: is empty"},
      {Changed<SubmitPart>(
           [](SubmitPart& m) { m.suites[0].env[1].name.assign(2, '\0'); }),
       "submit_part.suites[0].env[1].name: holds a NUL byte"},
      {Changed<SubmitPart>(
           [](SubmitPart& m) { m.tests[0].payload.assign(49'153, 'x'); }),
       "submit_part.tests[0].payload: is 49153 bytes, at most 49152"},
      {Changed<Output>([](Output& m) { m.data.assign(65'537, 'x'); }),
       "output.data: is 65537 bytes, at most 65536"},
      {Changed<Results>([](Results& m) {
         std::get<AttemptItem>(m.items[0])
             .result.output.tail.assign(16'385, 'x');
       }),
       "results.items[0].result.output.tail: is 16385 bytes, at most 16384"},
      {Changed<SubmitPart>([](SubmitPart& m) {
         m.tests[0].constraints->resource_groups[0][1].slots = 0;
       }),
       "submit_part.tests[0].constraints.resource_groups[0][1].slots: is 0, "
       "at least 1"},
  };
  for (const OutOfBounds& c : cases) {
    EXPECT_THAT(Decode(Encode(c.message)),
                StatusIs(StatusCode::kInvalidArgument, c.error));
  }
}

// Bytes that no Message has, written by hand.
std::string Written(const std::function<void(MsgpackWriter&)>& write) {
  std::string bytes;
  MsgpackWriter writer(bytes);
  write(writer);
  return bytes;
}

TEST(HostileTest, DurationsOutOfRangeAreRefused) {
  const auto welcome = [](std::int64_t interval) {
    return Written([interval](MsgpackWriter& out) {
      out.Array(4);
      out.Uint(60);
      out.Uint(1);
      out.Uint(3);
      out.Int(interval);
    });
  };
  EXPECT_THAT(Decode(welcome(5)), IsOk());
  EXPECT_THAT(Decode(welcome(-5)),
              StatusIs(StatusCode::kInvalidArgument,
                       "client_welcome.beat_interval: is -5 ns, below zero"));
  EXPECT_THAT(Decode(welcome(INT64_MAX)),
              StatusIs(StatusCode::kInvalidArgument,
                       HasSubstr("client_welcome.beat_interval: is "
                                 "9223372036854775807 ns, over ten years")));
}

TEST(HostileTest, NumbersOverTheirTypesRangeAreRefused) {
  const std::string bytes = Written([](MsgpackWriter& out) {
    out.Array(4);
    out.Uint(60);
    out.Uint(1);
    out.Uint(std::uint64_t{1} << 32);  // an epoch is 32 bits
    out.Int(0);
  });
  EXPECT_THAT(
      Decode(bytes),
      StatusIs(StatusCode::kInvalidArgument,
               "client_welcome.epoch: is 4294967296, at most 4294967295"));
}

TEST(HostileTest, IdsOfAnotherLengthAreRefused) {
  const std::string bytes = Written([](MsgpackWriter& out) {
    out.Array(3);
    out.Uint(29);
    out.Binary("fifteen bytes..");
    out.Bool(false);
  });
  EXPECT_THAT(Decode(bytes), StatusIs(StatusCode::kInvalidArgument,
                                      "run_over.run: is 15 bytes, exactly 16"));
}

TEST(HostileTest, UnknownKindsOfEventsAndItemsAreRefused) {
  const std::string bytes = Written([](MsgpackWriter& out) {
    out.Array(4);
    out.Uint(6);
    out.Uint(1);
    out.Uint(1);
    out.Array(1);
    out.Array(2);
    out.Uint(8);
    out.Nil();
  });
  EXPECT_THAT(Decode(bytes),
              StatusIs(StatusCode::kInvalidArgument,
                       "results.items[0]: is of unknown kind 8"));
}

TEST(HostileTest, AGreetingOfAnotherVersionIsToldFromGarbage) {
  for (const std::uint64_t type : {1U, 20U, 40U, 60U}) {
    const std::string greeting = Written([type](MsgpackWriter& out) {
      out.Array(3);
      out.Uint(type);
      out.Uint(3);
      out.String("whatever version 3 has here");
    });
    EXPECT_THAT(
        Decode(greeting),
        StatusIs(StatusCode::kUnimplemented,
                 "the other side speaks version 3 of the fleet protocol and "
                 "this program version 1; update this program"));
  }
  // In the form of version 1 the caller sees the number.
  Hello hello = std::get<Hello>(SampleMessages()[0]);
  hello.protocol = 2;
  EXPECT_THAT(Decode(Encode(hello)), IsOkAndHolds(Message(hello)));
}

}  // namespace
}  // namespace paceline
