#include "invar/options/table.hpp"

#include "support/nodes.hpp"

namespace invar::options {
namespace {

using test::list;
using test::map;
using test::quoted;
using test::scalar;
using ::testing::HasSubstr;

enum class Color { red, green };

struct Inner {
  int depth = 3;
};

struct Sample {
  double rate = 0.5;
  std::optional<double> limit;
  int count = 4;
  bool is_loud = false;
  std::string name = "none yet";
  Color color = Color::green;
  Inner inner;
};

const Table<Inner>& inner_table() {
  static const Table<Inner> table(
      {integer("depth", &Inner::depth, Range::at_least(1), "how deep")});
  return table;
}

const Table<Sample>& sample_table() {
  static const Table<Sample> table({
      real("rate", &Sample::rate, Range::above(0), "how fast", "1/s"),
      optional_real("limit", &Sample::limit, Range::at_least(0), "how far"),
      integer("count", &Sample::count, Range::at_least(1), "how many"),
      boolean("is_loud", &Sample::is_loud, "how loud"),
      text("name", &Sample::name, "how called"),
      choice("color", &Sample::color, {{Color::red, "red", {"rouge"}}, {Color::green, "green"}},
             "how it looks"),
      nested("inner", &Sample::inner, inner_table(), "what is inside"),
  });
  return table;
}

class TableTest : public ::testing::Test {
 protected:
  Sample read(const Node& node) {
    Sample sample;
    resolved = sample_table().read({.node = &node, .path = "top", .reader = &reader}, sample);
    return sample;
  }

  std::string message() {
    try {
      reader.throw_if_any();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  test::MemoryFiles files;
  Reader reader{files};
  Node resolved;
};

TEST_F(TableTest, KeepsTheDefaultsOfAnEmptyMap) {
  const Sample sample = read(map({}));

  EXPECT_EQ(sample.rate, 0.5);
  EXPECT_EQ(sample.limit, std::nullopt);
  EXPECT_EQ(sample.count, 4);
  EXPECT_EQ(sample.color, Color::green);
  EXPECT_EQ(sample.inner.depth, 3);
  EXPECT_EQ(message(), "");
}

TEST_F(TableTest, ReadsEveryKindOfValue) {
  const Sample sample = read(map({{"rate", scalar("2")},
                                  {"limit", scalar("7.5")},
                                  {"count", scalar("9")},
                                  {"is_loud", scalar("true")},
                                  {"name", quoted("x")},
                                  {"color", scalar(" Rouge ")},
                                  {"inner", map({{"depth", scalar("5")}})}}));

  EXPECT_EQ(message(), "");
  EXPECT_EQ(sample.rate, 2);
  EXPECT_EQ(sample.limit, 7.5);
  EXPECT_EQ(sample.count, 9);
  EXPECT_TRUE(sample.is_loud);
  EXPECT_EQ(sample.name, "x");
  EXPECT_EQ(sample.color, Color::red);
  EXPECT_EQ(sample.inner.depth, 5);
}

TEST_F(TableTest, TakesTheWordNoneForNoNumber) {
  EXPECT_EQ(read(map({{"limit", scalar("none")}})).limit, std::nullopt);
  EXPECT_EQ(read(map({{"limit", Node{}}})).limit, std::nullopt);
  EXPECT_EQ(message(), "");
}

TEST_F(TableTest, ResolvesEveryKeyWithItsOrigin) {
  Node count = scalar("9");
  count.origin = Origin::command_line;
  Node color = scalar("rouge");
  color.origin = Origin::file;

  read(map({{"count", count}, {"color", color}}));

  EXPECT_EQ(resolved.entries.size(), sample_table().rows().size());
  EXPECT_EQ(resolved.find("count")->origin, Origin::command_line);
  EXPECT_EQ(resolved.find("color")->origin, Origin::file);
  EXPECT_EQ(resolved.find("color")->scalar, "red");
  EXPECT_EQ(resolved.find("rate")->origin, Origin::default_value);
  EXPECT_EQ(resolved.find("rate")->scalar, "0.5");
  EXPECT_EQ(resolved.find_path("inner.depth")->scalar, "3");
  EXPECT_TRUE(resolved.find("name")->is_quoted);
}

TEST_F(TableTest, ReadsWhatItResolvedAsTheSame) {
  read(map({{"rate", scalar("1e-1")}, {"limit", scalar("3")}, {"color", scalar("ROUGE")}}));
  const Node first = resolved;

  const Sample again = read(first);

  EXPECT_EQ(again.rate, 0.1);
  EXPECT_EQ(again.limit, 3.0);
  EXPECT_EQ(again.color, Color::red);
  EXPECT_TRUE(resolved.same_value(first));
  EXPECT_EQ(message(), "");
}

TEST_F(TableTest, ReportsAllProblemsAtOnce) {
  read(map({{"rate", scalar("-1")},
            {"count", scalar("3000000000")},
            {"color", scalar("gren")},
            {"colour", scalar("red")},
            {"inner", map({{"depht", scalar("1")}})}}));

  EXPECT_EQ(message(),
            "`top.colour`: unknown key; did you mean `color`?\n"
            "`top.rate`: expected a number > 0, found `-1`\n"
            "`top.count`: expected a whole number <= 2147483647, found `3000000000`\n"
            "`top.color`: expected one of red (or rouge), green, found `gren`; did you mean "
            "`green`?\n"
            "`top.inner.depht`: unknown key; did you mean `depth`?");
}

TEST_F(TableTest, RefusesWhatIsNoMap) {
  read(list({}));

  EXPECT_EQ(message(), "`top`: expected keys with values, found a list of 0");
}

TEST_F(TableTest, AsksForRequiredKeys) {
  auto row = integer("depth", &Inner::depth, Range::at_least(1), "how deep");
  row.is_required = true;
  const Table<Inner> table({row});
  Inner inner;
  Node node = map({});
  node.where = {"study.yaml", 6, 3};

  table.read({.node = &node, .path = "top", .reader = &reader}, inner);

  EXPECT_EQ(message(), "study.yaml:6:3: `top.depth`: is required: how deep");
  EXPECT_EQ(table.describe("top").front().default_text, "required");
}

TEST_F(TableTest, KnowsKeysThatOthersRead) {
  const Node node = map({{"type", scalar("x")}});
  Inner inner;

  inner_table().read({.node = &node, .path = "", .reader = &reader}, inner, {"type"});

  EXPECT_EQ(message(), "");
}

TEST_F(TableTest, DescribesEveryKeyWithItsPath) {
  const std::vector<Description> all = sample_table().describe("top");

  ASSERT_EQ(all.size(), sample_table().rows().size() + 1);
  EXPECT_EQ(all[0].path, "top.rate");
  EXPECT_EQ(all[0].unit, "1/s");
  EXPECT_EQ(all[0].default_text, "0.5");
  EXPECT_EQ(all[0].allowed, "> 0");
  EXPECT_EQ(all[1].default_text, "none");
  EXPECT_EQ(all[5].allowed, "red (or rouge), green");
  EXPECT_EQ(all[5].default_text, "green");
  EXPECT_EQ(all[7].path, "top.inner.depth");
}

}  // namespace
}  // namespace invar::options
