#include "invar/evaluation/failure_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace invar;
using evaluation::judge_failures;
using evaluation::OnFailure;
using method::Status;
using ::testing::AllOf;
using ::testing::HasSubstr;

method::BatchResult batch_of(const std::vector<Status>& statuses) {
  method::BatchResult result;
  for (const Status status : statuses) {
    method::Evaluation& evaluation = result.evaluations.emplace_back();
    evaluation.status = status;
    evaluation.message = status == Status::ok ? "" : "because";
  }
  return result;
}

TEST(FailurePolicy, IsSilentWhenNothingFailed) {
  const auto verdict = judge_failures({.on_failure = OnFailure::stop, .failure_budget = 0},
                                      batch_of({Status::ok, Status::ok}));

  EXPECT_FALSE(verdict.must_end);
  EXPECT_EQ(verdict.message, "");
}

TEST(FailurePolicy, GoesOnWithinTheBudget) {
  const auto verdict =
      judge_failures({.failure_budget = 0.5}, batch_of({Status::ok, Status::timeout}));

  EXPECT_FALSE(verdict.must_end);
  EXPECT_THAT(verdict.message, HasSubstr("1 of 2 evaluations failed (1 timeout)"));
}

TEST(FailurePolicy, EndsBeyondTheBudget) {
  const auto verdict = judge_failures(
      {.failure_budget = 0.5},
      batch_of({Status::ok, Status::crashed, Status::model_failed, Status::crashed}));

  EXPECT_TRUE(verdict.must_end);
  EXPECT_THAT(verdict.message,
              AllOf(HasSubstr("3 of 4 evaluations failed (1 model_failed, 2 crashed)"),
                    HasSubstr("0.5 that evaluation.failure_budget allows"),
                    HasSubstr("the first is sample 1: crashed: because")));
}

TEST(FailurePolicy, EndsAtTheFirstFailureWhenToldToStop) {
  const auto verdict = judge_failures({.on_failure = OnFailure::stop, .failure_budget = 1},
                                      batch_of({Status::ok, Status::non_finite}));

  EXPECT_TRUE(verdict.must_end);
  EXPECT_THAT(verdict.message, HasSubstr("evaluation.on_failure is stop"));
}

}  // namespace
