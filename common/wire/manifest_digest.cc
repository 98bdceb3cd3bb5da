#include "common/wire/manifest_digest.h"

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

constexpr std::uint64_t kPrime = 0x100000001b3;

}  // namespace

void ManifestDigest::Mix(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) {
    state_ = (state_ ^ bytes[i]) * kPrime;
  }
}

void ManifestDigest::MixNumber(std::uint64_t number) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(number >> (8 * i));
  }
  Mix(bytes, sizeof(bytes));
}

// The length goes first, so that no two lists of strings run into one.
void ManifestDigest::MixText(absl::string_view text) {
  MixNumber(text.size());
  Mix(text.data(), text.size());
}

void ManifestDigest::Add(const SuiteSpec& suite) {
  MixText("suite");
  MixText(suite.name);
  MixText(suite.runner);
  MixText(suite.program);
  MixNumber(suite.arguments.size());
  for (const std::string& argument : suite.arguments) {
    MixText(argument);
  }
  MixText(suite.options);
}

void ManifestDigest::Add(const TestSpec& test) {
  MixText("test");
  MixNumber(Value(test.suite));
  MixText(test.name);
  MixText(test.scope);
  MixText(test.payload);
}

std::string ManifestDigest::Hex() const {
  return absl::StrFormat("%016x", state_);
}

}  // namespace paceline
