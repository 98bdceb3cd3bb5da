#include "cli/option_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/take.h"
#include "tests/support/status_matchers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

class OptionSetTest : public testing::Test {
 protected:
  OptionSetTest() : set_("run", "Runs.") {
    set_.AllowPositionals("TARGET", "What to run", "ARGUMENTS");
    set_.Add({.key = "retries", .value = "N", .take = TakeCount(&retries_)});
    set_.Add({.key = "filter",
              .also = {"-f", "-FE"},
              .kind = SettingKind::kList,
              .value = "TEXT",
              .take = TakeList(&filters_)});
    set_.Add({.key = "loud",
              .also = {"-l"},
              .kind = SettingKind::kSwitch,
              .take = TakeSwitch(&loud_)});
    set_.Add({.key = "shuffle",
              .value = "SEED",
              .take = TakeText(&seed_),
              .implied = "random"});
    set_.Add({.key = "quiet",
              .kind = SettingKind::kSwitch,
              .take = [this](const std::string& text) {
                loud_ = loud_ && text == "false";
                return absl::OkStatus();
              }});
    set_.Add({.key = "far", .take = TakeText(&far_), .instead_of = {"near"}});
    set_.Add({.key = "near", .take = TakeText(&near_), .instead_of = {"far"}});
    set_.Add({.key = "debug",
              .kind = SettingKind::kSwitch,
              .take = TakeSwitch(&loud_),
              .only_on_command_line = true});
  }

  absl::Status Read(const std::vector<std::string>& args,
                    const std::string& toml = "",
                    const std::vector<std::string>& environment = {}) {
    auto parsed = set_.ParseCommandLine("run", args);
    if (!parsed.ok()) {
      return parsed.status();
    }
    parsed_ = *parsed;
    std::vector<KnownSetting> known;
    set_.AppendKnown(known);
    auto config = Config::Parse(toml, "paceline.toml", known);
    if (config.ok()) {
      EXPECT_THAT(config->AddEnvironment(environment, known), IsOk());
    }
    return config.ok() ? set_.Apply(parsed_, *config) : config.status();
  }

  OptionSet set_;
  OptionSet::Parsed parsed_;
  std::uint32_t retries_ = 0;
  std::vector<std::string> filters_;
  bool loud_ = false;
  std::string seed_;
  std::string far_;
  std::string near_;
};

TEST_F(OptionSetTest, FlagsTargetsAndWhatIsBehindTheDashes) {
  EXPECT_THAT(Read({"a", "--retries", "2", "b", "-l", "-f", "x", "--filter=y",
                    "c", "--", "--retries", "z"}),
              IsOk());
  EXPECT_EQ(retries_, 2U);
  EXPECT_TRUE(loud_);
  EXPECT_THAT(filters_, ElementsAre("x", "y"));
  EXPECT_THAT(parsed_.positionals, ElementsAre("a", "b", "c"));
  EXPECT_THAT(parsed_.after_dashes, Optional(ElementsAre("--retries", "z")));
}

TEST_F(OptionSetTest, AValueMayBeginWithADash) {
  EXPECT_THAT(Read({"--filter", "-*Slow*"}), IsOk());
  EXPECT_THAT(filters_, ElementsAre("-*Slow*"));
}

TEST_F(OptionSetTest, ALongNameBehindOneDashIsUnderstood) {
  EXPECT_THAT(Read({"-FE", "x", "a"}), IsOk());
  EXPECT_THAT(filters_, ElementsAre("x"));
  EXPECT_THAT(parsed_.positionals, ElementsAre("a"));
}

TEST_F(OptionSetTest, AValueThatMayBeLeftOutDoesNotEatATarget) {
  EXPECT_THAT(Read({"--shuffle", "a"}), IsOk());
  EXPECT_EQ(seed_, "random");
  EXPECT_THAT(parsed_.positionals, ElementsAre("a"));
  EXPECT_THAT(Read({"--shuffle=17", "a"}), IsOk());
  EXPECT_EQ(seed_, "17");
}

TEST_F(OptionSetTest, AFlagHoldsOverTheFile) {
  EXPECT_THAT(Read({"--retries", "2"},
                   "[run]\nretries = 5\nfilter = [\"x\", \"y\"]\nloud = true"),
              IsOk());
  EXPECT_EQ(retries_, 2U);
  EXPECT_THAT(filters_, ElementsAre("x", "y"));
  EXPECT_TRUE(loud_);
}

// Each key on its own was replaced, and one that says the same with another
// word was not: `loud = true` in the file held over --quiet.
TEST_F(OptionSetTest, AFlagHoldsOverAnotherKeyOfTheFile) {
  EXPECT_THAT(Read({"--quiet"}, "[run]\nloud = true"), IsOk());
  EXPECT_FALSE(loud_);
  EXPECT_THAT(Read({"--loud"}, "[run]\nquiet = true"), IsOk());
  EXPECT_TRUE(loud_);
  EXPECT_THAT(Read({}, "[run]\nquiet = true", {"PACELINE_RUN_LOUD=true"}),
              IsOk());
  EXPECT_TRUE(loud_);
  EXPECT_THAT(Read({"--quiet"}, "", {"PACELINE_RUN_LOUD=true"}), IsOk());
  EXPECT_FALSE(loud_);
}

TEST_F(OptionSetTest, WhatIsSaidInsteadTakesBackWhatCountsForLess) {
  EXPECT_THAT(Read({"--near", "n"}, "[run]\nfar = \"f\""), IsOk());
  EXPECT_EQ(far_, "");
  EXPECT_EQ(near_, "n");
  near_.clear();
  EXPECT_THAT(
      Read({}, "[run]\nnear = \"n\"\nretries = 7", {"PACELINE_RUN_FAR=f"}),
      IsOk());
  EXPECT_EQ(far_, "f");
  EXPECT_EQ(near_, "");
  EXPECT_EQ(retries_, 7U);
  EXPECT_THAT(Read({"--near", "n", "--far", "f"}), IsOk());
  EXPECT_EQ(near_, "n");  // which of them, is for others to say
}

TEST_F(OptionSetTest, ItIsKnownWhatWasSaidForThisCommand) {
  EXPECT_THAT(Read({"--loud"}, "[run]\nretries = 7", {"PACELINE_RUN_FAR=f"}),
              IsOk());
  EXPECT_THAT(parsed_.said,
              ElementsAre(testing::Pair("far", "PACELINE_RUN_FAR"),
                          testing::Pair("loud", "--loud")));
}

// It was said to be unknown, and its neighbour in the alphabet was named.
TEST_F(OptionSetTest, WhatIsAFlagOnlyIsCalledSoInTheFile) {
  EXPECT_THAT(Read({}, "[run]\ndebug = true"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("can only be said on the command line: "
                                 "--debug")));
}

TEST_F(OptionSetTest, ABadValueSaysWhereItIs) {
  EXPECT_THAT(Read({"--retries", "many"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--retries: \"many\"")));
  EXPECT_THAT(Read({}, "[run]\n\nretries = \"many\""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("paceline.toml:3: retries: \"many\"")));
}

TEST_F(OptionSetTest, AnUnknownFlagNamesTheNearest) {
  EXPECT_THAT(Read({"--retires", "2"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("nearest is --retries")));
}

TEST_F(OptionSetTest, HelpNamesEveryOption) {
  const auto parsed = set_.ParseCommandLine("run", {"--help"});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(parsed->help, Optional(HasSubstr("--retries")));
  EXPECT_THAT(parsed->help, Optional(HasSubstr("[=SEED]")));
  EXPECT_THAT(parsed->help,
              Optional(HasSubstr("[TARGET...] [-- ARGUMENTS...]")));
}

}  // namespace
}  // namespace paceline
