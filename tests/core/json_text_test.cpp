#include "invar/core/json_text.hpp"

#include <array>
#include <string>
#include <string_view>

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

TEST(JsonText, HasWordsQuotedOnlyOutsideOfTexts) {
  constexpr std::array<std::string_view, 2> words = {"-Infinity", "NaN"};

  EXPECT_EQ(with_quoted_words(R"([NaN, -Infinity, "NaN", "a \"NaN", 1])", words),
            R"(["NaN", "-Infinity", "NaN", "a \"NaN", 1])");
  EXPECT_EQ(with_quoted_words("", words), "");
  EXPECT_EQ(with_quoted_words("\"\\", words), "\"\\");
}

}  // namespace
}  // namespace invar::core
