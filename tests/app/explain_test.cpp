#include "app/explain.hpp"

#include "invar/campaign/study.hpp"
#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"

namespace invar::app {
namespace {

using options::Description;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Description> study_keys() {
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  return campaign::describe_study(registry);
}

std::string error_of(const std::string& key) {
  try {
    explain_text(study_keys(), key);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(ExplainText, ListsEveryKeyUnderItsSection) {
  const std::string text = explain_text(study_keys(), "");

  for (const char* section :
       {"\nparameters:\n", "\nparameters.prior:\n", "\nobservations:\n", "\nmodel:\n",
        "\ninference:\n", "\ninference.initial:\n", "\ninference.optimizer_config:\n",
        "\ninference.line_search_config:\n", "\nevaluation:\n", "\ncampaign:\n"}) {
    EXPECT_THAT(text, HasSubstr(section));
  }
  for (const Description& key : study_keys()) {
    EXPECT_THAT(text, HasSubstr(key.help)) << key.path;
  }
}

TEST(ExplainText, SaysTypeDefaultAllowedUnitAndConditionOfAKey) {
  const std::vector<Description> keys{
      {"a.b", "number", "s", "0.5", "> 0", "how long", "type: slow"}};

  EXPECT_EQ(
      explain_text(keys, "a.b"),
      "a:\n  b: number; default: 0.5; allowed: > 0; unit: s; with type: slow\n      how long\n");
}

TEST(ExplainText, TakesThePrefixOfASection) {
  const std::string text = explain_text(study_keys(), "parameters.prior");

  EXPECT_THAT(text, HasSubstr("parameters.prior:\n  family: name; default: diagonal"));
  EXPECT_THAT(text, Not(HasSubstr("evaluation")));
}

TEST(ExplainText, SuggestsTheNearestKey) {
  EXPECT_EQ(error_of("inference.sampel_size"),
            "there is no key `inference.sampel_size`; did you mean `inference.sample_size`?");
  EXPECT_EQ(error_of("sample_size"),
            "there is no key `sample_size`; did you mean `inference.sample_size`?");
  EXPECT_EQ(error_of("timeout"), "there is no key `timeout`; did you mean `evaluation.timeout_s`?");
  EXPECT_EQ(error_of("qwertyuiop"), "there is no key `qwertyuiop`; `invar explain` lists them all");
}

TEST(ExplainText, DescribesEveryKeyInFull) {
  for (const Description& key : study_keys()) {
    EXPECT_FALSE(key.type.empty()) << key.path;
    EXPECT_FALSE(key.help.empty()) << key.path;
  }
}

TEST(ExplainMarkdown, MakesATablePerSection) {
  const std::vector<Description> keys{{"top", "text", "", "\"\"", "", "a | b"},
                                      {"a.b", "number", "s", "0.5", "> 0", "how", "type: x"},
                                      {"a.c", "number", "", "required", "", "what"}};

  EXPECT_EQ(explain_markdown(keys, ""),
            "**the study**\n\n"
            "| key | type | unit | default | allowed | meaning |\n|---|---|---|---|---|---|\n"
            "| `top` | text |  | \"\" |  | a \\| b |\n"
            "\n**`a`**\n\n"
            "| key | type | unit | default | allowed | meaning |\n|---|---|---|---|---|---|\n"
            "| `b` | number | s | 0.5 | > 0 | how (with `type: x`) |\n"
            "| `c` | number |  | required |  | what |\n");
}

}  // namespace
}  // namespace invar::app
