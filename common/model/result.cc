#include "common/model/result.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace paceline {
namespace {

constexpr std::size_t kMaxProperties = 256;
constexpr std::size_t kMaxPropertiesBytes = std::size_t{64} * 1024;
constexpr std::size_t kCutMarkBytes = 64;

}  // namespace

void CutProperties(TestProperties& properties) {
  std::size_t bytes = 0;
  std::size_t fitting = 0;  // with the mark behind them
  for (std::size_t i = 0; i < properties.size(); ++i) {
    bytes += properties[i].first.size() + properties[i].second.size();
    if (i + 1 < kMaxProperties &&
        bytes + kCutMarkBytes <= kMaxPropertiesBytes) {
      fitting = i + 1;
    }
  }
  if (properties.size() <= kMaxProperties && bytes <= kMaxPropertiesBytes) {
    return;
  }
  const std::size_t cut = properties.size() - fitting;
  properties.resize(fitting);
  properties.emplace_back("paceline.properties_cut", absl::StrCat(cut));
}

}  // namespace paceline
