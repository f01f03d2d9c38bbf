#include "invar/core/json_depth.hpp"

#include <string>

#include <gtest/gtest.h>

namespace invar::core {
namespace {

TEST(JsonDepth, CountsListsAndObjectsButNotBracketsInTexts) {
  EXPECT_EQ(json_depth(""), 0);
  EXPECT_EQ(json_depth("3.5"), 0);
  EXPECT_EQ(json_depth(R"({"a": [1, 2], "b": {"c": [[]]}})"), 4);
  EXPECT_EQ(json_depth(R"(["[[[", "\"[[", "\\"])"), 1);
  EXPECT_EQ(json_depth("[[], [], []]"), 2);
}

TEST(JsonDepth, LooksAtWhatIsNotSound) {
  EXPECT_EQ(json_depth(std::string(100000, '[')), 100000);
  EXPECT_EQ(json_depth("]]]][["), 0);
  EXPECT_EQ(json_depth("\"[[["), 0);
}

}  // namespace
}  // namespace invar::core
