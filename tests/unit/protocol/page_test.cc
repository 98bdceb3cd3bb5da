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

  bool PageHas(const std::string& text) const {
    return page_.find(text) != std::string::npos;
  }

  void ExpectOnPage(const std::string& frame) const {
    const msgpack::object_handle handle =
        msgpack::unpack(frame.data() + 4, frame.size() - 4);
    std::map<std::string, msgpack::object> keys;
    handle.get().convert(keys);
    const auto type = keys.at("type").as<std::string>();
    EXPECT_TRUE(PageHas(absl::StrCat("### `", type, "`"))) << type;
    for (const auto& [key, value] : keys) {
      ExpectKey(type, key, value);
    }
  }

 private:
  void ExpectKey(const std::string& type, const std::string& key,
                 const msgpack::object& value) const {
    const std::string name = absl::StrCat("`", key, "`");
    EXPECT_TRUE(PageHas(name)) << type << " has " << name;
    if (value.type == msgpack::type::MAP) {
      ExpectKeysOf(absl::StrCat(type, ".", key), value);
    } else if (value.type == msgpack::type::ARRAY) {
      for (const msgpack::object& entry : value.via.array) {
        if (entry.type == msgpack::type::MAP) {
          ExpectKeysOf(absl::StrCat(type, ".", key), entry);
        }
      }
    }
  }

  void ExpectKeysOf(const std::string& where,
                    const msgpack::object& map) const {
    std::map<std::string, msgpack::object> keys;
    map.convert(keys);
    for (const auto& [key, value] : keys) {
      ExpectKey(where, key, value);
    }
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
