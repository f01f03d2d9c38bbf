#include "app/check.hpp"

#include "app/folder.hpp"
#include "app/sound_study.hpp"
#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"

namespace invar::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string check(const std::vector<std::string>& overrides) {
  const test::Folder folder;
  folder.write("in/obs.csv", test::sound_data);
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  return check_text(folder.write("study.yaml", test::sound_study), overrides, registry);
}

TEST(CheckText, SaysWhatWouldRun) {
  const std::string text = check({});

  EXPECT_THAT(text, HasSubstr("study.yaml is sound.\n"));
  EXPECT_THAT(text, HasSubstr("parameters   2: slope, level\n"));
  EXPECT_THAT(text, HasSubstr("prior        diagonal Gaussian\n"));
  EXPECT_THAT(text, HasSubstr("bounds       on 1 of 2 parameters, by transform (sigmoid)\n"));
  EXPECT_THAT(text, HasSubstr("start        as given in inference.initial\n"));
  EXPECT_THAT(text, HasSubstr("observations 3, independent noise\n"));
  EXPECT_THAT(text, HasSubstr("model        linear\n"));
  EXPECT_THAT(text,
              HasSubstr("method       run_vi: newton (natural metric, diagonal Hessian), line "
                        "search stochastic_nonmonotone on elbo, mc, baseline loo, seed 1\n"));
  EXPECT_THAT(text, HasSubstr("evaluations  16 per batch: one batch to start, then 1 to 6 per "
                              "iteration; at most 19 iterations\n"));
  EXPECT_THAT(text,
              HasSubstr("groups       1 rank each: P ranks make P - 1; all of them are used"));
  EXPECT_THAT(text, Not(HasSubstr("note:")));
}

TEST(CheckText, FollowsTheOverrides) {
  const std::string text = check(
      {"inference.sample_size=30", "inference.sampling_method=rqmc",
       "inference.initial={from: ../other, round: 4}", "inference.covariance_regularization=1",
       "evaluation={ranks_per_model: 4, concurrency: 2}",
       "parameters.bounds=", "inference.line_search_config.line_search_sample_growth_factor=1.5"});

  EXPECT_THAT(text, HasSubstr("bounds       none\n"));
  EXPECT_THAT(text, HasSubstr("start        the state of ../other after round 4\n"));
  EXPECT_THAT(text, HasSubstr("30 per batch (times 1.5 after each rejected step)"));
  EXPECT_THAT(text, HasSubstr("4 ranks each: P ranks make (P - 1)/4, rounded down; at most 2 "
                              "evaluations at a time"));
  EXPECT_THAT(text, HasSubstr("note: sampling_method: rqmc is balanced for a power of two, found "
                              "sample_size = 30"));
  EXPECT_THAT(text,
              HasSubstr("note: covariance_regularization = 1 is more than 1e-3 of the smallest "
                        "noise variance, 0.0625"));
}

TEST(CheckText, ThrowsWhatIsWrong) {
  EXPECT_THROW(check({"inference.sample_size=1"}), Error);
}

}  // namespace
}  // namespace invar::app
