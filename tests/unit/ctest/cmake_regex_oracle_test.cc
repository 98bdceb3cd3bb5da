// Holds the engine against cmake itself: every expression with every input, in
// one run of `cmake -P`.

#include <gtest/gtest.h>

#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/support/program.h"
#include "worker/ctest/cmake_regex.h"

namespace paceline {
namespace {

constexpr const char* kInputs[] = {
    "",
    "a",
    "b",
    "ab",
    "aa",
    "aaa",
    "abc",
    "xabcx",
    "aab",
    "a{2}",
    "d",
    "5",
    "a5",
    "\\",
    "a\\b",
    "a\nb",
    "a\n",
    "\na",
    "\n",
    "one\ntwo\nthree",
    "[",
    "]",
    "-",
    "a-c",
    "^",
    "$",
    "a$",
    "^a",
    ".",
    "a.b",
    "a|b",
    "(a)",
    "*",
    "a*",
    "+",
    "?",
    "a?",
    "\t",
    "abab",
    "ababc",
    "abcabc",
    "foo",
    "bar",
    "foobar",
    "barfoo",
    "FOO",
    "_",
    " ",
    "a b",
    "e",
    "\xc3\xa9",
    "\xff",
    "caf\xc3\xa9",
    "x\ry",
    "aaaaaaaaaaaaaaaaab",
    "error: 12",
    "Errors: 0",
    "[  PASSED  ] 3 tests.",
    "100% tests passed",
    "test 1 ok\ntest 2 FAILED\n",
    "\nb",
    "{",
    "}",
};

constexpr const char* kExpressions[] = {
    "",
    "a",
    "ab",
    "abc",
    "^",
    "$",
    "^$",
    "^a",
    "a$",
    "^a$",
    "b$",
    "^b",
    "$a",
    "a^",
    "a^b",
    "a$b",
    "^^a",
    "a$$",
    "(^a)",
    "(a$)",
    "(^|b)a",
    "a($|b)",
    "(^)",
    "($)",
    "x^*",
    ".",
    "..",
    "a.b",
    "^.$",
    "^.*$",
    "a.*b",
    "a.+b",
    ".?",
    "^..$",
    "\n",
    "a\nb",
    "a*",
    "a+",
    "a?",
    "ab*",
    "ab+c",
    "ab?c",
    "(ab)*",
    "(ab)+",
    "(ab)+c",
    "(a|b)",
    "a|b",
    "a|",
    "|a",
    "|",
    "(|a)",
    "(a|)b",
    "()",
    "()a",
    "(a)(b)",
    "((a))",
    "^(a|b)+$",
    "^(ab|c)+$",
    "(a*)",
    "(a*)b",
    "(a*)*",
    "(a*)+",
    "(a?)+",
    "(a+)*",
    "(a+)+",
    "(a+)?",
    "(a|b*)*",
    "(a?)?",
    "a**",
    "a*+",
    "a+?",
    "a??",
    "*",
    "+",
    "?",
    "*a",
    "(*a)",
    "a|*",
    "(",
    ")",
    "a)",
    "(a",
    "((a)",
    "(a))",
    "[",
    "[]",
    "[]]",
    "[^]]",
    "[a",
    "[]a",
    "[a]",
    "[^a]",
    "[abc]",
    "[a-c]",
    "[c-a]",
    "[a-a]",
    "[a-]",
    "[-a]",
    "[^-a]",
    "[]-]",
    "[a-c-e]",
    "[a-c-]",
    "[--a]",
    "[%--]",
    "[\\]",
    "[\\a]",
    "[\\n]",
    "[^\n]",
    "[.]",
    "[*]",
    "[$]",
    "[^^]",
    "[a^]",
    "[[]",
    "[[:alpha:]]",
    "[a-z]+",
    "[A-Z]+",
    "[0-9]+",
    "[^0-9]+",
    "^[a-z]*$",
    "\\",
    "\\\\",
    "\\.",
    "\\*",
    "\\a",
    "\\d",
    "\\n",
    "\\w",
    "\\s",
    "\\b",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\^",
    "\\$",
    "\\|",
    "\\?",
    "\\+",
    "\\{",
    "a\\",
    "a\\.b",
    "\\d+",
    "a{2}",
    "^a{2}",
    "{",
    "}",
    "a{",
    "a{2,3}",
    "(?:a)",
    "a*?b",
    "a*a",
    "a*ab",
    "a*aab",
    "(a*)(ab)*b",
    "(foo|bar)+",
    "^(foo|bar)$",
    "foo|bar|baz",
    "foo.*bar",
    "(f)(o)(o)",
    "(a)(b)(c)(d)(e)(f)(g)(h)(i)",
    "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)",
    "((((((((((a))))))))))",
    "[Ee]rrors?: [0-9]+",
    "\\[  PASSED  \\]",
    "\\[  PASSED  \\] [1-9]",
    "100% tests",
    "FAILED\n$",
    "FAILED$",
    "^test 2",
    "\ntest 2",
    "caf.",
    "caf..$",
    "^..$",
    "[\xc3]",
    "\xc3",
    "\xff",
    "[\x80-\xff]",
    "[a-\xff]",
    "\t",
    "(a|ab)(c|bcd)(d*)",
    "(a+|b+)+c",
    "x*",
    "^x*$",
    "^(x*)$",
    "a|b|c|",
    "((a)|(b))*",
    "(^a|b$)",
    "(a|^b)",
    "a|^b|c$",
    "[^a-z]",
    "[+--]",
    "[a-z-9]",
    "[]a-c]",
    "[^]a-c]",
    "[a-c^]",
    "ab|cd*",
    "(ab|cd)*e",
};

// `text` as a CMake argument.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"' || c == '$') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Script(const std::vector<std::string>& expressions) {
  std::string script = "cmake_minimum_required(VERSION 3.25)\n";
  std::size_t inputs = 0;
  for (const char* input : kInputs) {
    absl::StrAppend(&script, "set(input_", inputs++, " ", Quoted(input), ")\n");
  }
  absl::StrAppend(&script, R"(function(ask expression)
  set(answers "")
  foreach(i RANGE )",
                  inputs - 1, R"()
    if("${input_${i}}" MATCHES "${expression}")
      string(APPEND answers 1)
    else()
      string(APPEND answers 0)
    endif()
  endforeach()
  message(NOTICE "${answers}")
endfunction()
)");
  for (const std::string& expression : expressions) {
    absl::StrAppend(&script, "ask(", Quoted(expression), ")\n");
  }
  return script;
}

// Runs cmake on the script for `expressions`. It says "0110...", a digit an
// input, for each expression; nothing more after one that does not compile.
std::unique_ptr<Program> AskCMake(const ScratchDir& dir,
                                  const std::vector<std::string>& expressions) {
  return RunProgram(
      {"cmake", "-P", dir.Write("ask.cmake", Script(expressions))});
}

TEST(CMakeRegexTest, FindsWhatCMakeFinds) {
  const ScratchDir dir;
  std::vector<std::string> taken;
  for (const char* expression : kExpressions) {
    if (CMakeRegex::Compile(expression).ok()) {
      taken.emplace_back(expression);
    }
  }
  const std::unique_ptr<Program> cmake = AskCMake(dir, taken);
  ASSERT_EQ(cmake->exit_code(), 0) << cmake->err();
  const std::vector<std::string> answers =
      absl::StrSplit(cmake->err(), '\n', absl::SkipEmpty());
  ASSERT_EQ(answers.size(), taken.size());
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const absl::StatusOr<CMakeRegex> regex = CMakeRegex::Compile(taken[i]);
    for (std::size_t j = 0; j < std::size(kInputs); ++j) {
      EXPECT_EQ(regex->Matches(kInputs[j]), answers[i].at(j) == '1')
          << "expression [" << taken[i] << "] input [" << kInputs[j] << "]";
    }
  }
}

TEST(CMakeRegexTest, RefusesOnlyWhatCMakeRefuses) {
  const ScratchDir dir;
  std::size_t refused = 0;
  for (const char* expression : kExpressions) {
    if (CMakeRegex::Compile(expression).ok()) {
      continue;
    }
    ++refused;
    const std::unique_ptr<Program> cmake = AskCMake(dir, {expression});
    EXPECT_NE(cmake->exit_code(), 0) << "expression [" << expression << "]";
    EXPECT_NE(cmake->err().find("cannot compile"), std::string::npos)
        << cmake->err();
  }
  EXPECT_GT(refused, 0U);
}

TEST(CMakeRegexTest, FindsTheSameInAnyPieces) {
  for (const char* expression : kExpressions) {
    const absl::StatusOr<CMakeRegex> regex = CMakeRegex::Compile(expression);
    if (!regex.ok()) {
      continue;
    }
    for (const absl::string_view input : kInputs) {
      CMakeRegexStream stream(*regex);
      for (const char& c : input) {
        stream.Feed({&c, 1});
        // Asking on the way changes nothing.
        stream.MatchesAtEnd();
      }
      EXPECT_EQ(stream.MatchesAtEnd(), regex->Matches(input))
          << "expression [" << expression << "] input [" << input << "]";
    }
  }
}

// As a backtracking engine would not.
TEST(CMakeRegexTest, TakesTimeInProportionToTheText) {
  const absl::StatusOr<CMakeRegex> regex =
      CMakeRegex::Compile("(a+)(a+)(a+)(a+)(a+)(a+)(a+)(a+)b");
  ASSERT_TRUE(regex.ok());
  CMakeRegexStream stream(*regex);
  const std::string piece(64 * 1024, 'a');
  for (int i = 0; i < 16; ++i) {
    stream.Feed(piece);
  }
  EXPECT_FALSE(stream.MatchesAtEnd());
  stream.Feed("b");
  EXPECT_TRUE(stream.matched());
}

}  // namespace
}  // namespace paceline
