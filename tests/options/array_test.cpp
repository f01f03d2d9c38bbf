#include <cmath>
#include <limits>

#include "invar/options/reader.hpp"
#include "support/nodes.hpp"

namespace invar::options {
namespace {

using test::list;
using test::map;
using test::quoted;
using test::scalar;
using test::scalars;
using ::testing::HasSubstr;

constexpr double infinity = std::numeric_limits<double>::infinity();

class ArrayTest : public ::testing::Test {
 protected:
  std::optional<Array> read(const Node& node, const ArrayRules& rules = {}) {
    return read_array({.node = &node, .path = "key", .reader = &reader}, rules);
  }

  std::optional<Eigen::VectorXd> vector(const Node& node, Eigen::Index length) {
    return read_vector({.node = &node, .path = "key", .reader = &reader}, length);
  }

  Node file(const std::string& text, const std::vector<std::string>& columns = {}) {
    files.texts["obs.csv"] = text;
    Node node = map({{"file", scalar("obs.csv")}});
    if (!columns.empty()) {
      node.set("columns", scalars(columns));
    }
    return node;
  }

  /// The text and kind of what went wrong.
  std::string message() {
    try {
      reader.throw_if_any();
    } catch (const Error& error) {
      kind = error.kind();
      return error.what();
    }
    return "";
  }

  test::MemoryFiles files;
  Reader reader{files};
  ErrorKind kind = ErrorKind::internal;
};

TEST_F(ArrayTest, ReadsAScalarAListAndRows) {
  EXPECT_EQ(read(scalar("2.5"))->values, (Eigen::MatrixXd(1, 1) << 2.5).finished());
  EXPECT_TRUE(read(scalar("2.5"))->is_scalar);
  EXPECT_EQ(read(scalars({"1", "2", "3"}))->values, Eigen::Vector3d(1, 2, 3));
  EXPECT_EQ(read(list({scalars({"1", "2"}), scalars({"3", "4"}), scalars({"5", "6"})}))->values,
            (Eigen::MatrixXd(3, 2) << 1, 2, 3, 4, 5, 6).finished());
  EXPECT_EQ(message(), "");
}

TEST_F(ArrayTest, StoresNumbersInOneSpelling) {
  EXPECT_TRUE(read(scalars({"1.0", "5e-1"}))->resolved.same_value(scalars({"1", "0.5"})));
}

TEST_F(ArrayTest, ReportsEveryWrongEntryAtItsPlace) {
  Node node = scalars({"1", "x", ".nan"});
  node.items[1].where = {"study.yaml", 2, 6};
  node.items[2].where = {"study.yaml", 2, 9};

  EXPECT_FALSE(read(node).has_value());

  EXPECT_EQ(message(),
            "study.yaml:2:6: `key[1]`: expected a number, found `x`\n"
            "study.yaml:2:9: `key[2]`: expected a finite number, found `.nan`");
}

TEST_F(ArrayTest, AllowsInfinityOnlyWhereTheRulesDo) {
  EXPECT_EQ(read(scalars({"-.inf", "1"}), {.has_infinity = true})->values,
            Eigen::Vector2d(-infinity, 1));
  EXPECT_EQ(message(), "");
  EXPECT_FALSE(read(scalars({"-.inf", "1"}), {.kind = ErrorKind::data}).has_value());
  message();
  EXPECT_EQ(kind, ErrorKind::data);
}

TEST_F(ArrayTest, RefusesRaggedRowsEmptyListsAndQuotedNumbers) {
  EXPECT_FALSE(read(list({scalars({"1", "2"}), scalars({"3"})})).has_value());
  EXPECT_FALSE(read(list({scalars({"1", "2"}), scalar("3")})).has_value());
  EXPECT_FALSE(read(list({scalar("1"), scalars({"3"})})).has_value());
  EXPECT_FALSE(read(list({})).has_value());
  EXPECT_FALSE(read(list({list({})})).has_value());
  EXPECT_FALSE(read(list({quoted("1")})).has_value());
  EXPECT_FALSE(read(list({Node{}})).has_value());

  EXPECT_EQ(message(),
            "`key[1]`: expected a row of 2 numbers as the first one is, found a list of 1\n"
            "`key[1]`: expected a row of 2 numbers as the first one is, found `3`\n"
            "`key[1]`: expected a number, found a list of 1\n"
            "`key`: expected numbers, found an empty list\n"
            "`key`: expected numbers, found an empty list\n"
            "`key[0]`: expected a number, found `1`\n"
            "`key[0]`: expected a number, found nothing");
}

TEST_F(ArrayTest, ReadsNamedColumnsInTheOrderAskedFor) {
  const auto array =
      read(file("# note\nyear,hare,lynx\r\n1900,30,4\r\n\n1901,47.2,6.1\r\n", {"lynx", "hare"}));

  ASSERT_TRUE(array.has_value()) << message();
  EXPECT_EQ(array->values, (Eigen::MatrixXd(2, 2) << 4, 30, 6.1, 47.2).finished());
}

TEST_F(ArrayTest, ReadsAllColumnsWithAHeaderOrWithout) {
  const Eigen::MatrixXd expected = (Eigen::MatrixXd(2, 2) << 1, 2, 3, 4).finished();

  EXPECT_EQ(read(file("a,b\n1,2\n3,4\n"))->values, expected);
  EXPECT_EQ(read(file("1,2\n3,4"))->values, expected);
  EXPECT_EQ(read(file("\xEF\xBB\xBF\"a\" , \"b\"\n1,2\n3,4\n"))->values, expected);
}

TEST_F(ArrayTest, ReadsTextSeparatedByBlanksAndTabs) {
  EXPECT_EQ(read(file("  1.5e-3 \t 2\n-3   4\r\n"))->values,
            (Eigen::MatrixXd(2, 2) << 1.5e-3, 2, -3, 4).finished());
}

TEST_F(ArrayTest, NamesFileAndLineOfWhatIsWrongInAFile) {
  struct Case {
    const char* text;
    std::vector<std::string> columns;
    const char* expected;
  };
  const std::vector<Case> cases{
      {"a,b\n1,2\n", {"c"}, "obs.csv:1: no column `c` in the header line `a, b`"},
      {"1,2\n", {"a"}, "obs.csv:1: no column `a` in the header line `1, 2`"},
      {"a,a\n1,2\n", {"a"}, "obs.csv:1: the header line has the column `a` twice"},
      {"a,b\n1,2\n1\n", {}, "obs.csv:3: expected 2 fields, found 1"},
      {"a,b\n1,2,3\n", {"a"}, "obs.csv:2: expected 2 fields, found 3"},
      {"a,b\n1,\n", {}, "obs.csv:2: expected a finite number in field 2, found ``"},
      {"a\n1\n# x\nnan\n", {}, "obs.csv:4: expected a finite number in field 1, found `nan`"},
      {"1,NA\n2,3\n", {}, "obs.csv:1: expected a finite number in field 2, found `NA`"},
      {"a,b\n", {}, "obs.csv: expected numbers, found none"},
      {"", {}, "obs.csv: expected numbers, found none"},
  };
  for (const Case& c : cases) {
    reader = Reader(files);

    EXPECT_FALSE(read(file(c.text, c.columns)).has_value());

    EXPECT_EQ(message(), std::string("`key.file`: ") + c.expected);
    EXPECT_EQ(kind, ErrorKind::data);
  }
}

TEST_F(ArrayTest, RefusesBinaryDataAsText) {
  EXPECT_FALSE(read(file(std::string("1\0", 2))).has_value());

  EXPECT_THAT(message(), HasSubstr("obs.csv: expected a text file, found binary data"));
}

TEST_F(ArrayTest, TakesTheLogarithmOfAFile) {
  Node node = file("1\n2.5\n");
  node.set("transform", scalar("log"));

  EXPECT_EQ(read(node)->values, Eigen::Vector2d(0, std::log(2.5)));

  files.texts["obs.csv"] = "1\n0\n";
  EXPECT_FALSE(read(node).has_value());
  EXPECT_EQ(message(), "`key.transform`: log needs positive numbers, found 0 in the file");
  EXPECT_EQ(kind, ErrorKind::data);
}

TEST_F(ArrayTest, ReadsADataSet) {
  files.datasets["obs.h5:/y"] = Eigen::Vector2d(1, 2);
  files.datasets["obs.h5:/nan"] = Eigen::Vector2d(1, std::nan(""));
  const auto from = [](const char* name) {
    return map({{"file", scalar("obs.h5")}, {"dataset", scalar(name)}});
  };

  EXPECT_EQ(read(from("/y"))->values, Eigen::Vector2d(1, 2));
  EXPECT_EQ(message(), "");
  EXPECT_FALSE(read(from("/nan")).has_value());
  EXPECT_FALSE(read(from("/z")).has_value());
  EXPECT_THAT(message(), HasSubstr("expected finite numbers in `/nan`, found NaN or infinity"));
  EXPECT_THAT(message(), HasSubstr("`obs.h5` has no data set `/z`"));
  EXPECT_EQ(kind, ErrorKind::data);
}

TEST_F(ArrayTest, RefusesWrongKeysOfAFile) {
  EXPECT_FALSE(read(map({{"std", scalar("1")}})).has_value());
  EXPECT_FALSE(read(map({{"file", scalar("missing.csv")}})).has_value());
  Node both = file("a\n1\n", {"a"});
  both.set("dataset", scalar("/y"));
  EXPECT_FALSE(read(both).has_value());
  Node transform = file("1\n");
  transform.set("transform", scalar("ln"));
  EXPECT_FALSE(read(transform).has_value());
  Node columns = file("a\n1\n");
  columns.set("columns", scalar("a"));
  EXPECT_FALSE(read(columns).has_value());

  EXPECT_EQ(message(),
            "`key.std`: unknown key; known here: file, columns, dataset, transform\n"
            "`key`: expected numbers or `{file: ...}`, found keys {std}\n"
            "`key.file`: cannot read `missing.csv`: there is no such file\n"
            "`key.columns`: goes with a text file, and `dataset` with an HDF5 file; give one of "
            "them\n"
            "`key.transform`: expected log or none, found `ln`\n"
            "`key.columns`: expected a list of column names, found `a`");
}

TEST_F(ArrayTest, StoresTheNameOfTheCopy) {
  files.texts["in/obs.csv"] = "1\n2\n";

  const auto array = read(map({{"file", scalar("in/obs.csv")}}));

  EXPECT_EQ(array->resolved.find("file")->scalar, "data/obs.csv");
}

TEST_F(ArrayTest, MakesAVectorOfAScalarAListAColumnOrARow) {
  EXPECT_EQ(*vector(scalar("2"), 3), Eigen::Vector3d(2, 2, 2));
  EXPECT_EQ(*vector(scalars({"1", "2"}), 2), Eigen::Vector2d(1, 2));
  EXPECT_EQ(*vector(scalars({"1", "2"}), -1), Eigen::Vector2d(1, 2));
  EXPECT_EQ(*vector(file("1 2 3\n"), 3), Eigen::Vector3d(1, 2, 3));
  EXPECT_EQ(*vector(file("1\n2\n3\n"), 3), Eigen::Vector3d(1, 2, 3));
  EXPECT_EQ(message(), "");
  EXPECT_FALSE(vector(scalars({"1", "2"}), 3).has_value());
  EXPECT_FALSE(vector(list({scalars({"1", "2"}), scalars({"3", "4"})}), 4).has_value());
  EXPECT_EQ(message(),
            "`key`: expected 3 numbers, found 2\n`key`: expected 4 numbers, found 2 rows of 2");
}

}  // namespace
}  // namespace invar::options
