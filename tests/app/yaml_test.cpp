#include "app/yaml.hpp"

#include "invar/core/error.hpp"
#include "support/nodes.hpp"

namespace invar::app {
namespace {

using options::Node;
using options::Origin;
using ::testing::HasSubstr;

std::string error_of(const std::string& text) {
  try {
    parse_yaml(text, "s.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error.what();
  }
  return "";
}

TEST(ParseYaml, KnowsThePlaceOfEveryKeyAndValue) {
  const Node root = parse_yaml("a: 1\nb:\n  c: [x, 'y']\n", "s.yaml");

  ASSERT_EQ(root.entries.size(), 2U);
  EXPECT_EQ(root.find("a")->where.text(), "s.yaml:1:4");
  EXPECT_EQ(root.entries[1].where.text(), "s.yaml:2:1");
  const Node* list = root.find_path("b.c");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->where.text(), "s.yaml:3:6");
  EXPECT_EQ(list->items[1].where.text(), "s.yaml:3:10");
  EXPECT_EQ(list->origin, Origin::file);
}

TEST(ParseYaml, TellsQuotedScalarsFromPlainOnes) {
  const Node root = parse_yaml("a: 1\nb: '1'\nc: \"1\"\nd: !!str 1\ne: |\n  1\n", "s.yaml");

  EXPECT_FALSE(root.find("a")->is_quoted);
  for (const char* key : {"b", "c", "d", "e"}) {
    EXPECT_TRUE(root.find(key)->is_quoted) << key;
  }
}

TEST(ParseYaml, ReadsNullsAndEmptyDocuments) {
  EXPECT_EQ(parse_yaml("a:\n", "s.yaml").find("a")->kind, Node::Kind::null);
  EXPECT_EQ(parse_yaml("a: ~\n", "s.yaml").find("a")->kind, Node::Kind::null);
  EXPECT_EQ(parse_yaml("", "s.yaml").kind, Node::Kind::null);
  EXPECT_EQ(parse_yaml("# nothing\n", "s.yaml").kind, Node::Kind::null);
  EXPECT_EQ(parse_yaml("", "s.yaml").where.text(), "s.yaml:1:1");
}

TEST(ParseYaml, ReplacesAliases) {
  const Node root = parse_yaml("a: &x {b: [1, 2]}\nc: *x\n", "s.yaml");

  EXPECT_TRUE(root.find("a")->same_value(*root.find("c")));
}

TEST(ParseYaml, RefusesAKeyThatIsThereTwiceAndNamesBothPlaces) {
  EXPECT_EQ(error_of("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
            "s.yaml:2:11: the key `c` stands at s.yaml:2:5 already; remove one of them\n"
            "s.yaml:3:1: the key `a` stands at s.yaml:1:1 already; remove one of them");
}

TEST(ParseYaml, RefusesWhatIsNoYamlWithItsPlace) {
  EXPECT_THAT(error_of("a: [1, 2\nb: 3\n"), HasSubstr("s.yaml:2:"));
  EXPECT_THAT(error_of("a: [1, 2\nb: 3\n"), HasSubstr("this is no YAML"));
  EXPECT_THAT(error_of("a: *nobody\n"), HasSubstr("s.yaml:1:4"));
  EXPECT_THAT(error_of("a: 1\n\tb: 2\n"), HasSubstr("s.yaml:"));
  EXPECT_THAT(error_of(std::string(5000, '[')), HasSubstr("s.yaml:1:"));
}

TEST(ParseYaml, RefusesSeveralDocumentsOddKeysAndOddTags) {
  EXPECT_EQ(error_of("a: 1\n---\nb: 2\n"),
            "s.yaml:3:1: expected one document, found another after `---`");
  EXPECT_EQ(error_of("[1]: 2\n"), "s.yaml:1:1: expected a key, found a list of 1");
  EXPECT_EQ(error_of("a: !mine 2\n"), "s.yaml:1:4: unknown tag `!mine`; remove it");
  EXPECT_THAT(error_of("a: &x [*x]\n"), HasSubstr("s.yaml:1:8: expected an alias"));
}

TEST(ParseYaml, RefusesAliasesThatMultiplyBeyondReason) {
  std::string bomb = "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n";
  for (const char* line : {"a1: &a1 [{}]\n", "a2: &a2 [{}]\n", "a3: &a3 [{}]\n", "a4: &a4 [{}]\n",
                           "a5: &a5 [{}]\n", "a6: &a6 [{}]\n"}) {
    const std::string text = line;
    const std::string alias = "*a" + std::string(1, static_cast<char>(text[1] - 1));
    bomb += text.substr(0, 9) + alias;
    for (int i = 1; i < 10; ++i) {
      bomb += ", " + alias;
    }
    bomb += "]\n";
  }

  EXPECT_THAT(error_of(bomb), HasSubstr("more than a million values"));
}

TEST(YamlText, SaysWhereEachValueCameFrom) {
  Node root = parse_yaml("a: 1\nb: {c: x, d: {}}\n", "s.yaml");
  root.find("a")->origin = Origin::command_line;
  root.set("e", Node::make_real(0.1));

  EXPECT_EQ(yaml_text(root),
            "a: 1  # command line\nb:\n  c: x  # file\n  d: {}  # file\ne: 0.1  # default\n");
}

TEST(YamlText, ReadsBackAsTheSame) {
  const std::string text =
      "title: \"a: 'b' \\\"c\\\" \\\\ # d\\n\\te \\x01 \xC3\xA9\"\n"
      "empty: ''\nspace: ' x '\nnull_text: 'null'\ntilde: '~'\ndash: '-'\nnumber_text: '1'\n"
      "comment: 'a #b'\nnothing: ~\n'odd key: #': 1\nnames: [a, 'b c', 'true', ~]\n"
      "numbers: [0.1, -1e-300, .inf, -.inf, .nan]\nmatrix: [[1, 2], [3, 4]]\n"
      "maps: [{a: 1, b: [2, 3]}, {c: {}}]\nempty_list: []\nempty_map: {}\n"
      "ragged: [[[1, 2], [3]], 4]\n'null': x\n";
  const Node root = parse_yaml(text, "s.yaml");

  const std::string written = yaml_text(root);

  const Node again = parse_yaml(written, "again.yaml");
  EXPECT_TRUE(root.same_value(again)) << written;
  EXPECT_EQ(yaml_text(again), written);
  EXPECT_TRUE(again.find("number_text")->is_quoted);
  EXPECT_TRUE(again.find("names")->items[2].is_quoted);
}

TEST(YamlText, QuotesPlainScalarsThatNeedIt) {
  for (const char* text :
       {"a: b", "x # y", "",   "null", "[1", "{",   "*x",   "&x",  "!x", "- x",
        "-",    "? x",   "@x", "%x",   "'x", "\"x", "a\nb", "---", "~",  "a,b"}) {
    const Node root = test::map({{"key", test::scalar(text)}});

    const Node again = parse_yaml(yaml_text(root), "again.yaml");

    EXPECT_TRUE(root.same_value(again)) << yaml_text(root);
  }
}

TEST(YamlText, WrapsLongLists) {
  std::vector<std::string> numbers;
  for (int i = 0; i < 200; ++i) {
    numbers.push_back(std::to_string(1000 + i));
  }
  const Node root =
      test::map({{"list", test::scalars(numbers)}, {"rows", test::list({test::scalars(numbers)})}});

  const std::string written = yaml_text(root);

  EXPECT_TRUE(root.same_value(parse_yaml(written, "again.yaml"))) << written;
  std::size_t begin = 0;
  while (begin < written.size()) {
    const std::size_t end = written.find('\n', begin);
    EXPECT_LE(end - begin, 100U + std::string("  # default").size());
    begin = end + 1;
  }
}

}  // namespace
}  // namespace invar::app
