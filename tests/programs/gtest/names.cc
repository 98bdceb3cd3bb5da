// Names that filters, lists and streams stumble over: typed and parameterised
// suites, types with punctuation in their names, one name in two namespaces.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

template <typename T>
class TypedTest : public testing::Test {};

struct PlainNames {
  template <typename T>
  static std::string GetName(int index) {
    constexpr const char* kNames[] = {"std::string", "a-b", "vec*tor?",
                                      "x=y&z"};
    return kNames[index];
  }
};
using Types = testing::Types<std::string, int, std::vector<int>, std::uint8_t>;
TYPED_TEST_SUITE(TypedTest, Types, PlainNames);

TYPED_TEST(TypedTest, HasADefault) { EXPECT_EQ(TypeParam(), TypeParam()); }

TYPED_TEST(TypedTest, FailsForInt) {
  EXPECT_FALSE((std::is_same_v<TypeParam, int>));
}

template <typename T>
class TypeParameterisedTest : public testing::Test {};
TYPED_TEST_SUITE_P(TypeParameterisedTest);
TYPED_TEST_P(TypeParameterisedTest, Works) { EXPECT_GE(sizeof(TypeParam), 1U); }
REGISTER_TYPED_TEST_SUITE_P(TypeParameterisedTest, Works);
INSTANTIATE_TYPED_TEST_SUITE_P(My, TypeParameterisedTest, Types);

class ValueTest : public testing::TestWithParam<const char*> {};
TEST_P(ValueTest, IsNotB) { EXPECT_STRNE(GetParam(), "b"); }
INSTANTIATE_TEST_SUITE_P(In, ValueTest,
                         testing::Values("a", "b", "\xff\xfe", "[ RUN ] x"));
INSTANTIATE_TEST_SUITE_P(Named, ValueTest, testing::Values("c", "d"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           return std::string("letter_") + info.param;
                         });

}  // namespace

namespace one {
TEST(SameName, Passes) { SUCCEED(); }
}  // namespace one

namespace two {
TEST(SameName, Passes) { FAIL() << "the second of its name"; }
}  // namespace two
