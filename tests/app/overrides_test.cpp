#include "app/overrides.hpp"

#include "app/yaml.hpp"
#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Node;
using options::Origin;
using ::testing::HasSubstr;

Node with(const std::string& text, const std::vector<std::string>& overrides) {
  return parse_study(text, "s.yaml", overrides);
}

std::string error_of(const std::string& assignment) {
  try {
    with("a: {b: 1}\nlist: [1]\n", {assignment});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(Overrides, ReplaceAValueAndSayThatTheCommandLineDid) {
  const Node root = with("a: {b: 1, c: 2}\n", {"a.b=3"});

  EXPECT_EQ(root.find_path("a.b")->scalar, "3");
  EXPECT_EQ(root.find_path("a.b")->origin, Origin::command_line);
  EXPECT_EQ(root.find_path("a.b")->where.text(), "command line");
  EXPECT_EQ(root.find_path("a.c")->scalar, "2");
  EXPECT_EQ(root.find_path("a.c")->origin, Origin::file);
}

TEST(Overrides, MakeTheMapsOnTheWay) {
  const Node root = with("a: 1\nempty:\n", {"x.y.z=4", "empty.k=5"});

  ASSERT_NE(root.find_path("x.y.z"), nullptr);
  EXPECT_EQ(root.find_path("x.y.z")->scalar, "4");
  EXPECT_EQ(root.find_path("empty.k")->scalar, "5");
}

TEST(Overrides, TakeAnyYamlAsValue) {
  const Node root = with("", {"list=[1, 2]", "map={k: [3], 'l': x}", "text='1'",
                              "none=", "equals=a=b", "again=1", "again=2"});

  EXPECT_EQ(root.find("list")->items.size(), 2U);
  EXPECT_EQ(root.find("list")->items[0].where.text(), "command line");
  EXPECT_EQ(root.find("map")->entries[1].where.text(), "command line");
  EXPECT_EQ(root.find_path("map.k")->items[0].scalar, "3");
  EXPECT_TRUE(root.find("text")->is_quoted);
  EXPECT_EQ(root.find("none")->kind, Node::Kind::null);
  EXPECT_EQ(root.find("equals")->scalar, "a=b");
  EXPECT_EQ(root.find("again")->scalar, "2");
}

TEST(Overrides, RefuseWhatIsNoAssignment) {
  EXPECT_THAT(error_of("a.b"), HasSubstr("there is no `=`"));
  EXPECT_THAT(error_of("=1"), HasSubstr("`` is no dotted key"));
  EXPECT_THAT(error_of("a..b=1"), HasSubstr("`a..b` is no dotted key"));
  EXPECT_THAT(error_of("a.=1"), HasSubstr("`a.` is no dotted key"));
  EXPECT_THAT(error_of("a b=1"), HasSubstr("`a b` is no dotted key"));
  EXPECT_THAT(error_of("a.b.c=1"), HasSubstr("the value above `c` is `1`, which has no keys"));
  EXPECT_THAT(error_of("list.0=1"), HasSubstr("the value above `0` is a list of 1"));
  EXPECT_THAT(error_of("a.b=[1"), HasSubstr("this is no YAML"));
  EXPECT_THAT(error_of("a.b=[1"), HasSubstr("--set a.b=[1"));
  EXPECT_THAT(error_of("a.b=1\n---\n2"), HasSubstr("expected one document"));
}

}  // namespace
}  // namespace invar::app
