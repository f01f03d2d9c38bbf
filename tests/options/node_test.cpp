#include "invar/options/node.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "support/nodes.hpp"

namespace invar::options {
namespace {

using test::list;
using test::map;
using test::scalar;
using test::scalars;

TEST(Location, ReadsAsFileLineAndColumn) {
  EXPECT_EQ((Location{"study.yaml", 12, 5}.text()), "study.yaml:12:5");
  EXPECT_EQ((Location{.file = "command line"}.text()), "command line");
  EXPECT_EQ(Location{}.text(), "");
}

TEST(Node, FindsByKeyAndByDottedPath) {
  const Node node = map({{"a", map({{"b", map({{"c", scalar("1")}})}})}, {"d", scalar("2")}});

  ASSERT_NE(node.find("d"), nullptr);
  EXPECT_EQ(node.find("d")->scalar, "2");
  EXPECT_EQ(node.find("b"), nullptr);
  ASSERT_NE(node.find_path("a.b.c"), nullptr);
  EXPECT_EQ(node.find_path("a.b.c")->scalar, "1");
  EXPECT_EQ(node.find_path("a.c"), nullptr);
  EXPECT_EQ(node.find_path("a.b.c.d"), nullptr);
  EXPECT_EQ(node.find_path(""), nullptr);
}

TEST(Node, SetKeepsTheOrderAndReplaces) {
  Node node = map({{"a", scalar("1")}, {"b", scalar("2")}});

  node.set("a", scalar("3"));

  ASSERT_EQ(node.entries.size(), 2U);
  EXPECT_EQ(node.entries[0].key, "a");
  EXPECT_EQ(node.entries[0].value.scalar, "3");
}

TEST(Node, DescribesItselfForMessages) {
  EXPECT_EQ(Node{}.description(), "nothing");
  EXPECT_EQ(scalar("abc").description(), "`abc`");
  EXPECT_EQ(scalar(std::string(100, 'x')).description(), "`" + std::string(60, 'x') + "...`");
  EXPECT_EQ(scalars({"1", "2"}).description(), "a list of 2");
  EXPECT_EQ(map({{"a", Node{}}, {"b", Node{}}}).description(), "keys {a, b}");
}

TEST(Node, ComparesValuesWhateverPlacesAndTheOrderOfKeys) {
  Node one = map({{"a", scalars({"1", "2"})}, {"b", scalar("x")}});
  Node other = map({{"b", scalar("x")}, {"a", scalars({"1", "2"})}});
  other.where = {"elsewhere", 1, 1};
  other.origin = Origin::command_line;

  EXPECT_TRUE(one.same_value(other));
  other.set("b", scalar("y"));
  EXPECT_FALSE(one.same_value(other));
  other.set("b", list({}));
  EXPECT_FALSE(one.same_value(other));
  other.set("b", scalar("x"));
  other.set("a", scalars({"2", "1"}));
  EXPECT_FALSE(one.same_value(other));
}

TEST(RealText, ReadsBackAsTheSameDouble) {
  for (const double value :
       {0.1, 1.0 / 3.0, -2.5e-300, 4.9e-324, 1.7976931348623157e308, 1e-6, 123456789.0, -0.0}) {
    EXPECT_EQ(std::strtod(real_text(value).c_str(), nullptr), value) << real_text(value);
  }
  EXPECT_EQ(real_text(0.25), "0.25");
  EXPECT_EQ(real_text(std::numeric_limits<double>::infinity()), ".inf");
  EXPECT_EQ(real_text(-std::numeric_limits<double>::infinity()), "-.inf");
  EXPECT_EQ(real_text(std::nan("")), ".nan");
}

}  // namespace
}  // namespace invar::options
