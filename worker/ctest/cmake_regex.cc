#include "worker/ctest/cmake_regex.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace paceline {
namespace {

// CMake numbers groups from 1 and has room for nine.
constexpr int kMaxGroups = 9;
// CMake's compiled form uses 16-bit offsets.
constexpr std::size_t kMaxCompiledSize = 65535;

bool IsRepeat(char c) { return c == '*' || c == '+' || c == '?'; }

bool IsMeta(char c) {
  return absl::string_view("^$.[()|?+*\\").find(c) != absl::string_view::npos;
}

}  // namespace

// Parses as CMake does, its oddities included, and writes the program.
class CMakeRegexParser {
 public:
  explicit CMakeRegexParser(absl::string_view pattern)
      // CMake's engine reads C strings.
      : pattern_(pattern.substr(0, pattern.find('\0'))) {}

  absl::StatusOr<CMakeRegex> Parse() {
    auto piece = ParseAlternatives();
    if (!piece.ok()) {
      return piece.status();
    }
    if (!AtEnd()) {
      return Objection("unmatched parentheses");
    }
    if (size_ >= kMaxCompiledSize) {
      return Objection("expression too big");
    }
    const std::uint32_t match = Emit({.op = Op::kMatch});
    Patch(piece->ends, match);
    program_.start = piece->start;
    return CMakeRegex(
        std::make_shared<const CMakeRegex::Program>(std::move(program_)));
  }

 private:
  using Op = CMakeRegex::Op;
  using Instruction = CMakeRegex::Instruction;

  // An instruction's field that is still to be pointed somewhere.
  struct Hole {
    std::uint32_t at;
    bool second;
  };
  struct Piece {
    std::uint32_t start = 0;
    std::vector<Hole> ends;
    // Known never to match the empty string; CMake repeats nothing else.
    bool has_width = false;
    // One byte; the repetition of one takes less room.
    bool simple = false;
  };

  static absl::Status Objection(absl::string_view what) {
    return absl::InvalidArgumentError(what);
  }

  bool AtEnd() const { return at_ == pattern_.size(); }
  char Peek() const { return AtEnd() ? '\0' : pattern_[at_]; }

  std::uint32_t Emit(Instruction instruction) {
    program_.code.push_back(instruction);
    return static_cast<std::uint32_t>(program_.code.size() - 1);
  }

  void Patch(const std::vector<Hole>& holes, std::uint32_t target) {
    for (const Hole& hole : holes) {
      Instruction& instruction = program_.code[hole.at];
      (hole.second ? instruction.y : instruction.x) = target;
    }
  }

  Piece Single(Instruction instruction, bool has_width) {
    const std::uint32_t at = Emit(instruction);
    return {at, {{at, false}}, has_width, /*simple=*/has_width};
  }

  // a|b|c, up to the end or a closing parenthesis.
  absl::StatusOr<Piece> ParseAlternatives() {
    size_ += 3;
    PACELINE_ASSIGN_OR_RETURN(Piece all, ParseSequence());
    while (Peek() == '|') {
      ++at_;
      PACELINE_ASSIGN_OR_RETURN(Piece other, ParseSequence());
      const std::uint32_t split =
          Emit({.op = Op::kSplit, .x = all.start, .y = other.start});
      all.start = split;
      all.ends.insert(all.ends.end(), other.ends.begin(), other.ends.end());
      all.has_width = all.has_width && other.has_width;
    }
    return all;
  }

  absl::StatusOr<Piece> ParseSequence() {
    size_ += 3;
    // An empty sequence is a jump to whatever follows.
    Piece all = Single({.op = Op::kJump}, /*has_width=*/false);
    if (AtEnd() || Peek() == '|' || Peek() == ')') {
      size_ += 3;
    }
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      PACELINE_ASSIGN_OR_RETURN(Piece next, ParseRepeated());
      Patch(all.ends, next.start);
      all.ends = std::move(next.ends);
      all.has_width = all.has_width || next.has_width;
    }
    return all;
  }

  absl::StatusOr<Piece> ParseRepeated() {
    PACELINE_ASSIGN_OR_RETURN(Piece piece, ParseAtom());
    const char repeat = Peek();
    if (!IsRepeat(repeat)) {
      return piece;
    }
    if (!piece.has_width && repeat != '?') {
      return Objection("the operand of * or + could be empty");
    }
    ++at_;
    size_ += repeat == '?' ? 9 : piece.simple ? 3 : 12;
    const std::uint32_t split = Emit({.op = Op::kSplit, .x = piece.start});
    if (repeat == '?') {
      piece.ends.push_back({split, true});
      piece.start = split;
    } else {
      Patch(piece.ends, split);
      piece.ends = {{split, true}};
      if (repeat == '*') {
        piece.start = split;
      }
    }
    piece.has_width = repeat == '+';
    piece.simple = false;
    if (IsRepeat(Peek())) {
      return Objection("nested *, ? or +");
    }
    return piece;
  }

  absl::StatusOr<Piece> ParseAtom() {
    const char c = pattern_[at_++];
    size_ += 3;
    switch (c) {
      case '^':
        return Single({.op = Op::kBegin}, /*has_width=*/false);
      case '$':
        return Single({.op = Op::kEnd}, /*has_width=*/false);
      case '.':
        return Single({.op = Op::kAny}, /*has_width=*/true);
      case '[':
        return ParseSet();
      case '(':
        return ParseGroup();
      case '?':
      case '+':
      case '*':
        return Objection("?, + or * follows nothing");
      case '\\':
        if (AtEnd()) {
          return Objection("trailing backslash");
        }
        return Literal(pattern_[at_++]);
      default:
        return ParseLiterals();
    }
  }

  Piece Literal(char c) {
    size_ += 2;
    return Single({.op = Op::kByte, .byte = static_cast<std::uint8_t>(c)},
                  /*has_width=*/true);
  }

  // A run of ordinary characters; one that a repetition follows is an atom of
  // its own.
  absl::StatusOr<Piece> ParseLiterals() {
    --at_;
    std::size_t length = 0;
    while (at_ + length < pattern_.size() && !IsMeta(pattern_[at_ + length])) {
      ++length;
    }
    if (length > 1 && at_ + length < pattern_.size() &&
        IsRepeat(pattern_[at_ + length])) {
      --length;
    }
    Piece all = Literal(pattern_[at_++]);
    for (; length > 1; --length) {
      const std::uint32_t at =
          Emit({.op = Op::kByte,
                .byte = static_cast<std::uint8_t>(pattern_[at_++])});
      ++size_;
      Patch(all.ends, at);
      all.ends = {{at, false}};
      all.simple = false;
    }
    return all;
  }

  absl::StatusOr<Piece> ParseGroup() {
    if (groups_ == kMaxGroups) {
      return Objection("too many parentheses");
    }
    ++groups_;
    PACELINE_ASSIGN_OR_RETURN(Piece piece, ParseAlternatives());
    if (Peek() != ')') {
      return Objection("unmatched parentheses");
    }
    ++at_;
    return piece;
  }

  absl::StatusOr<Piece> ParseSet() {
    std::bitset<256> set;
    bool complement = false;
    const auto add = [&](int byte) {
      set.set(static_cast<std::size_t>(byte));
      ++size_;
    };
    const auto byte_at = [&](std::size_t at) {
      return static_cast<int>(static_cast<unsigned char>(pattern_[at]));
    };
    ++size_;
    if (Peek() == '^') {
      complement = true;
      ++at_;
    }
    if (!AtEnd() && (Peek() == ']' || Peek() == '-')) {
      add(byte_at(at_++));
    }
    while (!AtEnd() && Peek() != ']') {
      if (Peek() != '-') {
        add(byte_at(at_++));
        continue;
      }
      ++at_;
      if (AtEnd() || Peek() == ']') {
        add('-');
        continue;
      }
      // The character before the dash as written, whatever it was part of:
      // [a-c-e] is a to e.
      const int first = byte_at(at_ - 2) + 1;
      const int last = byte_at(at_);
      if (first > last + 1) {
        return Objection("invalid range in []");
      }
      for (int byte = first; byte <= last; ++byte) {
        add(byte);
      }
      ++at_;
    }
    if (AtEnd()) {
      return Objection("unmatched []");
    }
    ++at_;
    if (complement) {
      set.flip();
    }
    program_.sets.push_back(set);
    return Single({.op = Op::kSet,
                   .y = static_cast<std::uint32_t>(program_.sets.size() - 1)},
                  /*has_width=*/true);
  }

  const absl::string_view pattern_;
  std::size_t at_ = 0;
  int groups_ = 0;
  // What CMake's compiled form would take.
  std::size_t size_ = 1;
  CMakeRegex::Program program_;
};

absl::StatusOr<CMakeRegex> CMakeRegex::Compile(absl::string_view pattern) {
  return CMakeRegexParser(pattern).Parse();
}

bool CMakeRegex::Matches(absl::string_view text) const {
  CMakeRegexStream stream(*this);
  stream.Feed(text.substr(0, text.find('\0')));
  return stream.MatchesAtEnd();
}

CMakeRegexStream::CMakeRegexStream(const CMakeRegex& regex)
    : program_(regex.program_), seen_(program_->code.size(), 0) {
  Positions start;
  ++round_;
  Follow(program_->start, /*at_begin=*/true, /*at_end=*/false, start);
  current_ = Intern(start);
  matched_ = states_[0].match;
}

void CMakeRegexStream::Follow(std::uint32_t from, bool at_begin, bool at_end,
                              Positions& positions) {
  using Op = CMakeRegex::Op;
  stack_.push_back(from);
  while (!stack_.empty()) {
    const std::uint32_t at = stack_.back();
    stack_.pop_back();
    if (seen_[at] == round_) {
      continue;
    }
    seen_[at] = round_;
    const CMakeRegex::Instruction& instruction = program_->code[at];
    switch (instruction.op) {
      case Op::kSplit:
        stack_.push_back(instruction.y);
        stack_.push_back(instruction.x);
        break;
      case Op::kJump:
        stack_.push_back(instruction.x);
        break;
      case Op::kBegin:
        if (at_begin) {
          stack_.push_back(instruction.x);
        }
        break;
      case Op::kEnd:
        if (at_end) {
          stack_.push_back(instruction.x);
        }
        positions.push_back(at);
        break;
      case Op::kByte:
      case Op::kSet:
      case Op::kAny:
      case Op::kMatch:
        positions.push_back(at);
        break;
    }
  }
}

bool CMakeRegexStream::HasMatch(const Positions& positions) const {
  return std::any_of(positions.begin(), positions.end(),
                     [this](std::uint32_t at) {
                       return program_->code[at].op == CMakeRegex::Op::kMatch;
                     });
}

std::int32_t CMakeRegexStream::Intern(Positions& positions) {
  std::sort(positions.begin(), positions.end());
  if (const auto found = index_.find(positions); found != index_.end()) {
    return found->second;
  }
  const auto id = static_cast<std::int32_t>(states_.size());
  State& state = states_.emplace_back();
  state.next.fill(kUnknown);
  state.match = HasMatch(positions);
  state.positions = positions;
  index_.emplace(std::move(positions), id);
  return id;
}

std::int32_t CMakeRegexStream::Step(std::int32_t from, std::uint8_t byte) {
  using Op = CMakeRegex::Op;
  Positions next;
  ++round_;
  for (const std::uint32_t at :
       states_[static_cast<std::size_t>(from)].positions) {
    const CMakeRegex::Instruction& instruction = program_->code[at];
    const bool taken =
        instruction.op == Op::kAny ||
        (instruction.op == Op::kByte && instruction.byte == byte) ||
        (instruction.op == Op::kSet && program_->sets[instruction.y][byte]);
    if (taken) {
      Follow(instruction.x, /*at_begin=*/false, /*at_end=*/false, next);
    }
  }
  // A match may begin at every position.
  Follow(program_->start, /*at_begin=*/false, /*at_end=*/false, next);
  if (states_.size() >= kMaxStates) {
    states_.clear();
    index_.clear();
    return Intern(next);
  }
  const std::int32_t to = Intern(next);
  states_[static_cast<std::size_t>(from)].next[byte] = to;
  return to;
}

void CMakeRegexStream::Feed(absl::string_view text) {
  if (matched_ || text.empty()) {
    return;
  }
  at_begin_ = false;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    std::int32_t next = states_[static_cast<std::size_t>(current_)].next[byte];
    if (next == kUnknown) {
      next = Step(current_, byte);
    }
    current_ = next;
    if (states_[static_cast<std::size_t>(current_)].match) {
      matched_ = true;
      return;
    }
  }
}

bool CMakeRegexStream::MatchesAtEnd() {
  if (matched_) {
    return true;
  }
  Positions reached;
  ++round_;
  for (const std::uint32_t at :
       states_[static_cast<std::size_t>(current_)].positions) {
    if (program_->code[at].op == CMakeRegex::Op::kEnd) {
      Follow(program_->code[at].x, at_begin_, /*at_end=*/true, reached);
    }
  }
  return HasMatch(reached);
}

}  // namespace paceline
