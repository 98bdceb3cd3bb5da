#include "coordinator/journal.h"

#include <type_traits>

namespace paceline {

std::optional<RunId> RunOf(const Record& record) {
  return std::visit(
      [](const auto& one) -> std::optional<RunId> {
        using R = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<R, EpochRaised>) {
          return std::nullopt;
        } else if constexpr (std::is_same_v<R, PartAdded>) {
          return one.part.run;
        } else if constexpr (std::is_same_v<R, RunClosed>) {
          return one.complete.run;
        } else {
          return one.run;
        }
      },
      record);
}

}  // namespace paceline
