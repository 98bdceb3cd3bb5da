#include "worker/ctest/ctest_test.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/wire/msgpack_reader.h"
#include "common/wire/msgpack_writer.h"

namespace paceline {
namespace {

// The keys of the MessagePack map. Client and agent may be of different
// versions: never give one a second meaning.
enum class Key : std::uint64_t {
  kCommand = 1,
  kNotAvailable = 2,
  kWorkingDirectory = 3,
  kEnvironment = 4,
  kEnvironmentModification = 5,
  kPassExpressions = 6,
  kFailExpressions = 7,
  kSkipExpressions = 8,
  kRequiredFiles = 9,
  kTimeoutAfterMatch = 10,
  kSkipReturnCode = 11,
  kWillFail = 12,
  kLeavesProcesses = 13,
  kConfiguration = 14,
};

// The lists that a test has where they are not empty.
struct ListField {
  Key key;
  absl::string_view name;
  std::vector<std::string> CtestTest::*list;
};
constexpr ListField kLists[] = {
    {Key::kCommand, "command", &CtestTest::command},
    {Key::kEnvironmentModification, "environment_modification",
     &CtestTest::environment_modification},
    {Key::kPassExpressions, "pass_expressions", &CtestTest::pass_expressions},
    {Key::kFailExpressions, "fail_expressions", &CtestTest::fail_expressions},
    {Key::kSkipExpressions, "skip_expressions", &CtestTest::skip_expressions},
    {Key::kRequiredFiles, "required_files", &CtestTest::required_files},
};

// Writes a map whose size is known only at its end.
class MapWriter {
 public:
  void Text(Key key, const std::string& text) {
    Begin(key);
    out_.String(text);
  }
  void List(Key key, const std::vector<std::string>& list) {
    Begin(key);
    Strings(list);
  }
  void Number(Key key, std::int64_t number) {
    Begin(key);
    out_.Int(number);
  }
  void True(Key key) {
    Begin(key);
    out_.Bool(true);
  }
  void Timeout(Key key, const CtestTimeoutAfterMatch& timeout) {
    Begin(key);
    out_.Array(2);
    out_.Int(timeout.timeout.count());
    Strings(timeout.expressions);
  }

  std::string Finish() const {
    std::string whole;
    MsgpackWriter(whole).Map(entries_);
    return whole + bytes_;
  }

 private:
  void Begin(Key key) {
    ++entries_;
    out_.Uint(static_cast<std::uint64_t>(key));
  }
  void Strings(const std::vector<std::string>& list) {
    out_.Array(list.size());
    for (const std::string& text : list) {
      out_.String(text);
    }
  }

  std::string bytes_;
  MsgpackWriter out_{bytes_};
  std::size_t entries_ = 0;
};

absl::Status Bad(absl::string_view field, const MsgpackReader& in) {
  return absl::InvalidArgumentError(absl::StrCat(
      "ctest ", field, ": ", in.Found(),
      " is nothing that this version knows; agent and client may be of "
      "different versions"));
}

absl::Status ReadText(absl::string_view field, MsgpackReader& in,
                      std::string& text) {
  absl::string_view read;
  if (!in.ReadString(read)) {
    return Bad(field, in);
  }
  text = std::string(read);
  return absl::OkStatus();
}

absl::Status ReadList(absl::string_view field, MsgpackReader& in,
                      std::vector<std::string>& list) {
  std::uint32_t count = 0;
  if (!in.ReadArray(count)) {
    return Bad(field, in);
  }
  list.assign(count, {});
  for (std::string& text : list) {
    PACELINE_RETURN_IF_ERROR(ReadText(field, in, text));
  }
  return absl::OkStatus();
}

absl::Status ReadTrue(absl::string_view field, MsgpackReader& in, bool& value) {
  return in.ReadBool(value) && value ? absl::OkStatus() : Bad(field, in);
}

absl::Status ReadTimeout(MsgpackReader& in, CtestTimeoutAfterMatch& timeout) {
  constexpr absl::string_view kName = "timeout_after_match";
  std::uint32_t count = 0;
  std::int64_t nanoseconds = 0;
  if (!in.ReadArray(count) || count != 2 || !in.ReadInt(nanoseconds) ||
      nanoseconds < 0) {
    return Bad(kName, in);
  }
  timeout.timeout = Duration(nanoseconds);
  return ReadList(kName, in, timeout.expressions);
}

// Calls `take(key, in)` for each entry of the map that `bytes` are.
template <typename Take>
absl::Status ReadMap(absl::string_view what, absl::string_view bytes,
                     const Take& take) {
  MsgpackReader in(bytes);
  std::uint32_t count = 0;
  if (!in.ReadMap(count)) {
    return Bad(what, in);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t key = 0;
    if (!in.ReadUint(key)) {
      return Bad(absl::StrCat(what, " key"), in);
    }
    PACELINE_RETURN_IF_ERROR(take(static_cast<Key>(key), in));
  }
  return in.done() ? absl::OkStatus() : Bad(absl::StrCat(what, " end"), in);
}

absl::Status UnknownKey(Key key, const MsgpackReader& in) {
  return Bad(absl::StrCat("key ", static_cast<std::uint64_t>(key)), in);
}

absl::Status ReadTestEntry(Key key, MsgpackReader& in, CtestTest& test) {
  for (const ListField& field : kLists) {
    if (field.key == key) {
      return ReadList(field.name, in, test.*field.list);
    }
  }
  switch (key) {
    case Key::kNotAvailable:
      return ReadText("not_available", in, test.not_available);
    case Key::kWorkingDirectory:
      return ReadText("working_directory", in, test.working_directory);
    case Key::kEnvironment:
      return ReadList("environment", in, test.environment);
    case Key::kTimeoutAfterMatch:
      return ReadTimeout(in, test.timeout_after_match.emplace());
    case Key::kSkipReturnCode: {
      std::int64_t code = 0;
      if (!in.ReadInt(code) || code < std::numeric_limits<int>::min() ||
          code > std::numeric_limits<int>::max()) {
        return Bad("skip_return_code", in);
      }
      test.skip_return_code = static_cast<int>(code);
      return absl::OkStatus();
    }
    case Key::kWillFail:
      return ReadTrue("will_fail", in, test.will_fail);
    case Key::kLeavesProcesses:
      return ReadTrue("leaves_processes", in, test.leaves_processes);
    default:
      return UnknownKey(key, in);
  }
}

}  // namespace

std::string EncodeCtestOptions(const CtestSuiteOptions& options) {
  MapWriter out;
  out.Text(Key::kConfiguration, options.configuration);
  out.Text(Key::kWorkingDirectory, options.working_directory);
  out.List(Key::kEnvironment, options.environment);
  return out.Finish();
}

std::string EncodeCtestTest(const CtestTest& test,
                            const CtestSuiteOptions& options) {
  MapWriter out;
  for (const ListField& field : kLists) {
    if (!(test.*field.list).empty()) {
      out.List(field.key, test.*field.list);
    }
  }
  if (!test.not_available.empty()) {
    out.Text(Key::kNotAvailable, test.not_available);
  }
  if (test.working_directory != options.working_directory) {
    out.Text(Key::kWorkingDirectory, test.working_directory);
  }
  if (test.environment != options.environment) {
    out.List(Key::kEnvironment, test.environment);
  }
  if (test.timeout_after_match.has_value()) {
    out.Timeout(Key::kTimeoutAfterMatch, *test.timeout_after_match);
  }
  if (test.skip_return_code.has_value()) {
    out.Number(Key::kSkipReturnCode, *test.skip_return_code);
  }
  if (test.will_fail) {
    out.True(Key::kWillFail);
  }
  if (test.leaves_processes) {
    out.True(Key::kLeavesProcesses);
  }
  return out.Finish();
}

absl::StatusOr<CtestSuiteOptions> DecodeCtestOptions(absl::string_view bytes) {
  CtestSuiteOptions options;
  PACELINE_RETURN_IF_ERROR(
      ReadMap("options", bytes, [&](Key key, MsgpackReader& in) {
        switch (key) {
          case Key::kConfiguration:
            return ReadText("configuration", in, options.configuration);
          case Key::kWorkingDirectory:
            return ReadText("working_directory", in, options.working_directory);
          case Key::kEnvironment:
            return ReadList("environment", in, options.environment);
          default:
            return UnknownKey(key, in);
        }
      }));
  return options;
}

absl::StatusOr<CtestTest> DecodeCtestTest(absl::string_view bytes,
                                          const CtestSuiteOptions& options) {
  CtestTest test;
  test.working_directory = options.working_directory;
  test.environment = options.environment;
  PACELINE_RETURN_IF_ERROR(
      ReadMap("test", bytes, [&test](Key key, MsgpackReader& in) {
        return ReadTestEntry(key, in, test);
      }));
  return test;
}

}  // namespace paceline
