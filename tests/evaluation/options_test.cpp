#include "invar/evaluation/options.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace invar;
using evaluation::EvaluationOptions;
using evaluation::OnFailure;
using ::testing::HasSubstr;

class NoFiles : public options::Files {
 public:
  const std::string& bytes(const std::string& /*path*/) override { return nothing_; }
  Eigen::MatrixXd dataset(const std::string& /*path*/, const std::string& /*name*/) override {
    return {};
  }
  std::string stored_name(const std::string& path) override { return path; }

 private:
  std::string nothing_;
};

/// Reads one key; gives the options, the resolved text of the key and the problem, if any.
struct Read {
  EvaluationOptions values;
  std::string resolved;
  std::string problem;
};

Read read(const std::string& key, const std::string& text) {
  NoFiles files;
  options::Reader reader(files);
  options::Node map = options::Node::make_map();
  map.set(key, options::Node::make_scalar(text));
  Read result;
  const options::Node resolved = evaluation::evaluation_table().read(
      {.node = &map, .path = "evaluation", .parent = {}, .reader = &reader}, result.values);
  const options::Node* value = resolved.find(key);
  result.resolved = value != nullptr ? value->scalar : "";
  result.problem = reader.problems().empty() ? "" : reader.problems().front().message;
  return result;
}

TEST(EvaluationOptions, HasTheDocumentedDefaults) {
  const EvaluationOptions values;

  EXPECT_FALSE(values.concurrency.has_value());
  EXPECT_EQ(values.ranks_per_model, 1);
  EXPECT_FALSE(values.timeout_s.has_value());
  EXPECT_EQ(values.retries, 0);
  EXPECT_EQ(values.on_failure, OnFailure::drop);
  EXPECT_EQ(values.failure_budget, 0.25);
  EXPECT_TRUE(values.run_ahead);
}

TEST(EvaluationOptions, ReadsConcurrencyAsAWordOrANumber) {
  EXPECT_FALSE(read("concurrency", "Auto").values.concurrency.has_value());
  EXPECT_EQ(read("concurrency", "auto").resolved, "auto");
  EXPECT_EQ(read("concurrency", "3").values.concurrency, 3);
  EXPECT_EQ(read("concurrency", "3").resolved, "3");
}

TEST(EvaluationOptions, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(read("concurrency", "0").problem, "expected auto or a whole number >= 1, found `0`");
  EXPECT_THAT(read("concurrency", "many").problem, HasSubstr("`many`"));
  EXPECT_THAT(read("ranks_per_model", "0").problem, HasSubstr("expected a whole number"));
  EXPECT_THAT(read("timeout_s", "0").problem, HasSubstr("> 0"));
  EXPECT_THAT(read("retries", "-1").problem, HasSubstr("found `-1`"));
  EXPECT_THAT(read("on_failure", "stopp").problem, HasSubstr("did you mean `stop`"));
  EXPECT_THAT(read("failure_budget", "1.5").problem, HasSubstr("in [0, 1]"));
}

TEST(EvaluationOptions, ReadsTheOthers) {
  EXPECT_EQ(read("ranks_per_model", "4").values.ranks_per_model, 4);
  EXPECT_EQ(read("timeout_s", "60").values.timeout_s, 60);
  EXPECT_EQ(read("retries", "2").values.retries, 2);
  EXPECT_EQ(read("on_failure", "stop").values.on_failure, OnFailure::stop);
  EXPECT_EQ(read("failure_budget", "0").values.failure_budget, 0);
}

}  // namespace
