#include "worker/python/pytest_arguments.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace paceline {
namespace {

// Short flags that take the rest of their argument, or else the next one, as
// their value; pytest's and pytest-xdist's.
constexpr absl::string_view kWithValue = "kmcoprWn";

constexpr absl::string_view kCapture = "--capture=";

// "-xs" is -x and -s, and "-ks" is -k with "s". Sets `takes_next` where the
// value is the next argument.
bool HasS(absl::string_view letters, bool& takes_next) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (absl::StrContains(kWithValue, letters[i])) {
      takes_next = i + 1 == letters.size();
      return false;
    }
    if (letters[i] == 's') {
      return true;
    }
  }
  return false;
}

}  // namespace

bool PytestWantsTerminal(const std::vector<std::string>& arguments) {
  bool debugs = false;
  bool captures = true;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (argument == "--") {
      break;
    }
    if (argument == "--pdb" || argument == "--trace") {
      debugs = true;
    } else if (argument == "--capture" && i + 1 < arguments.size()) {
      captures = arguments[++i] != "no";
    } else if (absl::StartsWith(argument, kCapture)) {
      captures = argument.substr(kCapture.size()) != "no";
    } else if (argument.size() > 1 && argument[0] == '-' &&
               argument[1] != '-') {
      bool takes_next = false;
      captures = captures && !HasS(argument.substr(1), takes_next);
      i += takes_next ? 1 : 0;
    }
  }
  return debugs || !captures;
}

}  // namespace paceline
