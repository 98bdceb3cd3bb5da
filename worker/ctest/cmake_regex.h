// Regular expressions in CMake's own dialect.
//
// CTest's PASS_, FAIL_ and SKIP_REGULAR_EXPRESSION and TIMEOUT_AFTER_MATCH are
// written for the engine inside CMake, which is no other engine's dialect:
// braces and `\d` mean themselves, `^` and `$` mean the ends of the whole
// output, `.` matches a newline, and an expression with ten groups does not
// compile. This engine takes what that one takes and finds what that one
// finds; a test asks cmake itself.
//
// It answers only whether there is a match, never where. That allows an
// automaton that is built as it goes, reads each byte once, and needs nothing
// of the text it has read: output of any size is matched whole while only its
// ends are kept.

#ifndef PACELINE_WORKER_CTEST_CMAKE_REGEX_H_
#define PACELINE_WORKER_CTEST_CMAKE_REGEX_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace paceline {

// A compiled expression. Cheap to copy; the copies share the program.
class CMakeRegex {
 public:
  // Returns kInvalidArgument, with CMake's own objection, for what CMake does
  // not compile.
  static absl::StatusOr<CMakeRegex> Compile(absl::string_view pattern);

  // Whether `text` has a match anywhere. As in CMake, text ends at a NUL.
  bool Matches(absl::string_view text) const;

 private:
  friend class CMakeRegexParser;
  friend class CMakeRegexStream;

  enum class Op : std::uint8_t {
    kByte,   // the byte `byte`, then `x`
    kSet,    // a byte of sets[y], then `x`
    kAny,    // any byte, then `x`
    kSplit,  // `x` or `y`
    kJump,   // `x`
    kBegin,  // at the start of the text, then `x`
    kEnd,    // at the end of the text, then `x`
    kMatch,
  };
  struct Instruction {
    Op op = Op::kMatch;
    std::uint8_t byte = 0;
    std::uint32_t x = 0;
    std::uint32_t y = 0;
  };
  struct Program {
    std::vector<Instruction> code;
    std::vector<std::bitset<256>> sets;
    std::uint32_t start = 0;
  };

  explicit CMakeRegex(std::shared_ptr<const Program> program)
      : program_(std::move(program)) {}

  std::shared_ptr<const Program> program_;
};

// One search through a text that comes in pieces.
class CMakeRegexStream {
 public:
  explicit CMakeRegexStream(const CMakeRegex& regex);

  // Reads on. Costs nothing once there is a match.
  void Feed(absl::string_view text);
  // Whether what was fed so far has a match that needs no end of text.
  bool matched() const { return matched_; }
  // Whether it has a match if it ends here. May be fed further afterwards.
  bool MatchesAtEnd();

 private:
  using Positions = std::vector<std::uint32_t>;
  static constexpr std::int32_t kUnknown = -1;
  // A state of the automaton costs a kilobyte; past this many it starts anew.
  static constexpr std::size_t kMaxStates = 2048;

  struct State {
    Positions positions;  // sorted
    bool match = false;
    std::array<std::int32_t, 256> next;
  };

  // Adds what is reachable from `from` without reading a byte.
  void Follow(std::uint32_t from, bool at_begin, bool at_end,
              Positions& positions);
  // The state of `positions`, which it sorts and may take.
  std::int32_t Intern(Positions& positions);
  std::int32_t Step(std::int32_t from, std::uint8_t byte);
  bool HasMatch(const Positions& positions) const;

  std::shared_ptr<const CMakeRegex::Program> program_;
  std::vector<State> states_;
  std::map<Positions, std::int32_t> index_;
  // Which instructions the current Follow has seen, by round.
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  std::vector<std::uint32_t> stack_;
  std::int32_t current_ = 0;
  bool at_begin_ = true;
  bool matched_ = false;
};

}  // namespace paceline

#endif  // PACELINE_WORKER_CTEST_CMAKE_REGEX_H_
