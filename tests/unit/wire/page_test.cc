// docs/fleet-protocol.md has every message, under its number.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/wire/codec.h"
#include "tests/unit/wire/sample_messages.h"

namespace paceline {
namespace {

TEST(ProtocolPageTest, HasARowForEveryMessage) {
  std::ifstream file(PACELINE_SOURCE_DIR "/docs/fleet-protocol.md");
  const std::string page{std::istreambuf_iterator<char>(file),
                         std::istreambuf_iterator<char>()};
  for (const Message& sample : SampleMessages()) {
    // [type, …]: the array's header and the number take a byte each.
    const int number = static_cast<unsigned char>(Encode(sample)[1]);
    EXPECT_NE(
        page.find(absl::StrCat("\n| ", number, " | `", Name(sample), "` | ")),
        std::string::npos)
        << Name(sample) << " is not there as number " << number;
  }
}

}  // namespace
}  // namespace paceline
