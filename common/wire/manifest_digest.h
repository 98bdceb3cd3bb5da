// A digest of what a manifest's tests are (names, programs, arguments, options,
// payloads) and of their order, computed by client and coordinator alike as the
// parts go by, so that a part lost or mixed up on the way cannot go unseen. How
// they are run (environment, directories, limits, constraints) is left out: it
// comes in the same parts.

#ifndef PACELINE_COMMON_WIRE_MANIFEST_DIGEST_H_
#define PACELINE_COMMON_WIRE_MANIFEST_DIGEST_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/model/manifest.h"

namespace paceline {

// Order matters. It guards against mistakes, not against malice (that is what
// CURVE is for), so a fast 64-bit hash, FNV-1a over names and payloads, will
// do.
class ManifestDigest {
 public:
  void Add(const SuiteSpec& suite);
  void Add(const TestSpec& test);
  // 16 hexadecimal digits.
  std::string Hex() const;

 private:
  void Mix(const void* data, std::size_t size);
  void MixNumber(std::uint64_t number);
  void MixText(absl::string_view text);

  std::uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace paceline

#endif  // PACELINE_COMMON_WIRE_MANIFEST_DIGEST_H_
