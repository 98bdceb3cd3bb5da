// docs/worker-protocol.md has every message and every key that we write.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <map>
#include <msgpack.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/protocol/sample_frames.h"
#include "worker/protocol/codec.h"

namespace paceline {
namespace {

class WorkerPageTest : public testing::Test {
 protected:
  WorkerPageTest() {
    std::ifstream file(PACELINE_SOURCE_DIR "/docs/worker-protocol.md");
    page_.assign(std::istreambuf_iterator<char>(file),
                 std::istreambuf_iterator<char>());
  }

  void ExpectOnPage(const std::string& frame) const {
    const msgpack::object_handle handle =
        msgpack::unpack(frame.data() + 4, frame.size() - 4);
    std::map<std::string, msgpack::object> keys;
    handle.get().convert(keys);
    const auto type = keys.at("type").as<std::string>();
    keys.erase("type");
    std::string section = Section(absl::StrCat("`", type, "`"));
    if (type == "extra") {
      section += Section("`test_finished`");  // as it says
    }
    ExpectKeys(type, section, keys);
  }

 private:
  // What stands under the heading "### `title`"; empty where there is none.
  std::string Section(const std::string& title) const {
    const std::size_t begin = page_.find(absl::StrCat("\n### ", title, "\n"));
    if (begin == std::string::npos) {
      ADD_FAILURE() << "no section " << title;
      return "";
    }
    return page_.substr(begin, page_.find("\n##", begin + 1) - begin);
  }

  // `section` and those that it sends its readers to have all of `keys`.
  void ExpectKeys(const std::string& where, const std::string& section,
                  const std::map<std::string, msgpack::object>& keys) const {
    for (const auto& [key, value] : keys) {
      const std::string quoted = absl::StrCat("`", key, "`");
      EXPECT_NE(section.find(quoted), std::string::npos)
          << where << " has " << quoted;
      const std::string inside = absl::StrCat(where, ".", key);
      if (value.type == msgpack::type::MAP) {
        ASSERT_EQ(key, "health");
        ExpectKeys(inside, Section("health"), MapOf(value));
      } else if (value.type == msgpack::type::ARRAY) {
        for (const msgpack::object& entry : value.via.array) {
          if (entry.type == msgpack::type::MAP) {
            ExpectKeys(inside,
                       key == "extras"
                           ? Section("`extra`") + Section("`test_finished`")
                           : section,
                       MapOf(entry));
          }
        }
      }
    }
  }

  static std::map<std::string, msgpack::object> MapOf(
      const msgpack::object& map) {
    std::map<std::string, msgpack::object> keys;
    map.convert(keys);
    return keys;
  }

  std::string page_;
};

TEST_F(WorkerPageTest, HasEveryMessageAndKey) {
  for (const FromWorker& sample : SamplesFromWorker()) {
    std::string frame;
    AppendFrame(sample, frame);
    ExpectOnPage(frame);
  }
  for (const ToWorker& sample : SamplesToWorker()) {
    std::string frame;
    AppendFrame(sample, frame);
    ExpectOnPage(frame);
  }
}

}  // namespace
}  // namespace paceline
