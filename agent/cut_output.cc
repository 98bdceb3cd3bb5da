#include "agent/cut_output.h"

namespace paceline {

void CutOutput(std::uint64_t limit, CapturedOutput& output) {
  if (output.head.size() + output.tail.size() <= limit) {
    return;
  }
  const std::size_t first = limit - limit / 2;
  const std::size_t last = limit / 2;
  if (output.tail.empty()) {
    output.tail = output.head.substr(output.head.size() - last);
    output.cut_bytes += output.head.size() - first - last;
    output.head.resize(first);
    return;
  }
  if (output.head.size() > first) {
    output.cut_bytes += output.head.size() - first;
    output.head.resize(first);
  }
  if (output.tail.size() > last) {
    output.cut_bytes += output.tail.size() - last;
    output.tail.erase(0, output.tail.size() - last);
  }
}

}  // namespace paceline
