#include "invar/options/reader.hpp"

#include <cmath>
#include <limits>

#include "support/nodes.hpp"

namespace invar::options {
namespace {

using test::map;
using test::quoted;
using test::scalar;
using test::scalars;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReaderTest : public ::testing::Test {
 protected:
  [[nodiscard]] Cursor at(const Node& node) {
    return {.node = &node, .path = "key", .reader = &reader};
  }

  static void add(Reader& to, ErrorKind kind, const Location& where, const std::string& path,
                  const std::string& text) {
    Problem problem;
    problem.kind = kind;
    problem.where = where;
    problem.path = path;
    problem.message = text;
    to.add(problem);
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
};

TEST_F(ReaderTest, ReadsRealNumbers) {
  EXPECT_EQ(read_real(at(scalar("0.25"))), 0.25);
  EXPECT_EQ(read_real(at(scalar("+1e-3"))), 1e-3);
  EXPECT_EQ(read_real(at(scalar("-7"))), -7.0);
  EXPECT_EQ(read_real(at(scalar(".5"))), 0.5);
  EXPECT_EQ(read_real(at(scalar("5e-324"))), 5e-324);
  EXPECT_EQ(read_real(at(scalar(".inf")), Range::above(0).or_infinite()),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(message(), "");
}

TEST_F(ReaderTest, RefusesWhatIsNoRealNumber) {
  for (const char* text : {"abc", "1x", "", "1e999", "+-1", "0x10", "1,5", ".nan", ".inf"}) {
    Reader own(files);
    const Node node = scalar(text);

    EXPECT_EQ(read_real({.node = &node, .path = "key", .reader = &own}), std::nullopt) << text;

    EXPECT_EQ(own.problems().size(), 1U) << text;
  }
}

TEST_F(ReaderTest, SaysRangeAndValueFound) {
  Node node = scalar("-1");
  node.where = {"study.yaml", 3, 7};

  EXPECT_EQ(read_real(at(node), Range::above(0)), std::nullopt);

  EXPECT_EQ(message(), "study.yaml:3:7: `key`: expected a number > 0, found `-1`");
}

TEST_F(ReaderTest, ReadsWholeNumbersExactly) {
  EXPECT_EQ(read_integer(at(scalar("9007199254740993"))), 9007199254740993);
  EXPECT_EQ(read_integer(at(scalar("1e3"))), 1000);
  EXPECT_EQ(read_integer(at(scalar("-5"))), -5);
  EXPECT_EQ(message(), "");
  EXPECT_EQ(read_integer(at(scalar("2.5"))), std::nullopt);
  EXPECT_EQ(read_integer(at(scalar("1e300"))), std::nullopt);
  EXPECT_EQ(read_integer(at(scalar("1")), Range::at_least(2)), std::nullopt);
  EXPECT_THAT(message(), HasSubstr("expected a whole number >= 2, found `1`"));
}

TEST_F(ReaderTest, ReadsTruthValues) {
  EXPECT_EQ(read_boolean(at(scalar("true"))), true);
  EXPECT_EQ(read_boolean(at(scalar("No"))), false);
  EXPECT_EQ(message(), "");
  EXPECT_EQ(read_boolean(at(scalar("1"))), std::nullopt);
  EXPECT_THAT(message(), HasSubstr("expected true or false, found `1`"));
}

TEST_F(ReaderTest, TakesAQuotedScalarAsTextOnly) {
  EXPECT_EQ(read_text(at(quoted("1.5"))), "1.5");
  EXPECT_EQ(message(), "");
  EXPECT_EQ(read_real(at(quoted("1.5"))), std::nullopt);
  EXPECT_EQ(read_integer(at(quoted("1"))), std::nullopt);
  EXPECT_EQ(read_boolean(at(quoted("true"))), std::nullopt);
  EXPECT_EQ(reader.problems().size(), 3U);
}

TEST_F(ReaderTest, ReadsTextButNoListAsText) {
  EXPECT_EQ(read_text(at(scalar("42"))), "42");
  EXPECT_EQ(read_text(at(scalars({"a", "b"}))), std::nullopt);
  EXPECT_EQ(message(), "`key`: expected text, found a list of 2");
}

TEST_F(ReaderTest, GivesNothingAndNoProblemWhereAKeyIsAbsent) {
  const Cursor absent{.node = nullptr, .path = "key", .reader = &reader};
  const Node null;

  for (const Cursor& cursor : {absent, at(null)}) {
    EXPECT_EQ(read_real(cursor), std::nullopt);
    EXPECT_EQ(read_integer(cursor), std::nullopt);
    EXPECT_EQ(read_boolean(cursor), std::nullopt);
    EXPECT_EQ(read_text(cursor), std::nullopt);
    EXPECT_FALSE(read_array(cursor).has_value());
    EXPECT_FALSE(read_vector(cursor, 2).has_value());
  }
  EXPECT_EQ(message(), "");
}

TEST_F(ReaderTest, ListsEveryProblemInTheOrderOfTheFile) {
  add(reader, ErrorKind::config, {"study.yaml", 9, 2}, "b", "second");
  add(reader, ErrorKind::config, {"command line", 0, 0}, "c", "third");
  add(reader, ErrorKind::config, {"study.yaml", 2, 4}, "a", "first");
  add(reader, ErrorKind::config, Location{}, "", "last");

  EXPECT_EQ(message(),
            "study.yaml:2:4: `a`: first\nstudy.yaml:9:2: `b`: second\n"
            "command line: `c`: third\nlast");
}

TEST_F(ReaderTest, ThrowsTheSharedKindOrConfig) {
  const auto kind_of = [this](std::vector<ErrorKind> kinds) {
    Reader own(files);
    for (const ErrorKind kind : kinds) {
      add(own, kind, Location{}, "", "wrong");
    }
    try {
      own.throw_if_any();
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::internal;
  };

  EXPECT_EQ(kind_of({ErrorKind::no_input, ErrorKind::no_input}), ErrorKind::no_input);
  EXPECT_EQ(kind_of({ErrorKind::data}), ErrorKind::data);
  EXPECT_EQ(kind_of({ErrorKind::data, ErrorKind::no_input}), ErrorKind::config);
  EXPECT_NO_THROW(reader.throw_if_any());
}

TEST_F(ReaderTest, RefusesUnknownKeysAndNamesTheNearest) {
  const Node node = map({{"sampel_size", scalar("3")}, {"zzz", scalar("1")}, {"mean", Node{}}});

  at(node).refuse_unknown_keys({"sample_size", "mean"});

  EXPECT_EQ(message(),
            "`key.sampel_size`: unknown key; did you mean `sample_size`?\n"
            "`key.zzz`: unknown key; known here: sample_size, mean");
}

TEST_F(ReaderTest, SaysWhereAMisplacedKeyBelongs) {
  reader = Reader(files, {"inference.sample_size", "a.mean", "b.mean"});
  const Node node = map({{"sample_size", scalar("3")}, {"mean", scalar("1")}});

  at(node).refuse_unknown_keys({"samples"});

  EXPECT_EQ(message(),
            "`key.sample_size`: unknown key; it belongs at `inference.sample_size`\n"
            "`key.mean`: unknown key; known here: samples");
}

TEST_F(ReaderTest, GivesAChildItsPathAndTheParentsPlaceWhenItIsAbsent) {
  Node node = map({{"a", scalar("1")}});
  node.where = {"study.yaml", 4, 1};

  const Cursor child = at(node).child("b");

  EXPECT_FALSE(child.present());
  EXPECT_EQ(child.path, "key.b");
  EXPECT_EQ(child.where().text(), "study.yaml:4:1");
}

TEST(Nearest, ForgivesTyposButNotOtherWords) {
  const std::vector<std::string> known{"std", "mean", "covariance", "optimizer_method", "mc"};

  EXPECT_EQ(nearest("sdt", known), "std");
  EXPECT_EQ(nearest("covarience", known), "covariance");
  EXPECT_EQ(nearest("Optimiser-Method", known), "optimizer_method");
  EXPECT_EQ(nearest("x", known), "");
  EXPECT_EQ(nearest("xy", known), "");
  EXPECT_EQ(nearest("temperature", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(RangeOfNumbers, ContainsWhatItsTextSays) {
  EXPECT_TRUE(Range::between_open_above(0, 0.5).contains(0));
  EXPECT_FALSE(Range::between_open_above(0, 0.5).contains(0.5));
  EXPECT_EQ(Range::between_open_above(0, 0.5).text(), "in [0, 0.5)");
  EXPECT_FALSE(Range::above(0).contains(0));
  EXPECT_EQ(Range::above(0).text(), "> 0");
  EXPECT_EQ(Range::at_least(2).text(), ">= 2");
  EXPECT_EQ(Range::any().text(), "");
  EXPECT_FALSE(Range::any().contains(std::nan("")));
  EXPECT_FALSE(Range::above(0).contains(std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(Range::above(0).or_infinite().contains(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(Range::above(0).or_infinite().text(), "> 0 or infinite");
}

}  // namespace
}  // namespace invar::options
