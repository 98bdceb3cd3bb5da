// 10,000 trivial cases, 200 suites of 50.

#include <gtest/gtest.h>

#include <cstddef>
#include <utility>

namespace {

class Trivial : public testing::Test {
  void TestBody() override {}
};

}  // namespace

int main(int argc, char** argv) {
  for (int suite = 0; suite < 200; ++suite) {
    for (int test = 0; test < 50; ++test) {
      testing::RegisterTest(("Suite" + std::to_string(suite)).c_str(),
                            ("Case" + std::to_string(test)).c_str(), nullptr,
                            nullptr, __FILE__, __LINE__,
                            []() -> Trivial* { return new Trivial; });
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
