// libFuzzer target: what a Python collector says to the client.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  paceline::CheckCollectorDecode(
      absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
