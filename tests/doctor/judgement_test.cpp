#include "doctor/judgement.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/fixture.hpp"

namespace invar::test {
namespace {

using namespace invar::doctor;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A report in which all is well, on groups of 1 and 2.
Report sound_report() {
  Report report;
  report.parameter_names = {"a", "b", "c"};
  report.num_observations = 5;
  GroupReport reference{.num_ranks = 1, .is_reference = true};
  reference.repetition.emplace();
  reference.repetition->sizes = {.num_parameters = 3, .num_qois = 5};
  reference.repetition->outcomes.resize(4);
  report.groups.push_back(reference);
  report.between_sizes.push_back({.num_ranks = 2});
  report.between_sizes.back().difference.num_points = 4;
  return report;
}

Finding only_finding(const Report& report, const Patient& patient = small_patient()) {
  const std::vector<Finding> found = judge(report, patient);
  EXPECT_THAT(found, SizeIs(1));
  return found.empty() ? Finding{} : found.front();
}

TEST(Judgement, FindsNothingWhereAllIsWell) {
  EXPECT_THAT(judge(sound_report(), small_patient()), IsEmpty());
  EXPECT_EQ(verdict_of({}), Verdict::fit);
}

TEST(Judgement, WeighsGroupSizesByTheNoise) {
  Report report = sound_report();
  Difference& difference = report.between_sizes[0].difference;
  difference.num_different = 4;

  difference.largest_relative = 1e-13;
  difference.largest_in_noise = 1e-12;
  EXPECT_THAT(judge(report, small_patient()), IsEmpty());

  difference.largest_relative = 1e-8;
  difference.largest_in_noise = 1e-6;
  EXPECT_EQ(only_finding(report).severity, Severity::remark);

  difference.largest_in_noise = 2e-3;
  EXPECT_EQ(only_finding(report).severity, Severity::serious);
  EXPECT_THAT(only_finding(report).text, HasSubstr("the answer depends on the group size"));

  difference.change_of_outcome = "first ok, then crashed";
  EXPECT_THAT(only_finding(report).text, HasSubstr("a run ends otherwise on 1 rank and 2"));
}

TEST(Judgement, ComparesSizesWithTheStudy) {
  Report report = sound_report();
  report.groups[0].repetition->sizes.num_qois = 6;
  EXPECT_THAT(only_finding(report).text,
              HasSubstr("the model gives 6 QoIs, the study has 5 observations"));

  report = sound_report();
  report.groups[0].repetition->sizes.num_parameters = 2;
  report.groups[0].repetition->outcomes.clear();
  EXPECT_THAT(only_finding(report).text, HasSubstr("expects 2 parameters, the study has 3"));
}

TEST(Judgement, BearsAsManyFailuresAsTheStudy) {
  Report report = sound_report();
  report.groups[0].repetition->outcomes[1].status = Status::model_failed;
  Patient patient = small_patient();

  patient.failure_budget = 0.25;
  EXPECT_EQ(only_finding(report, patient).severity, Severity::remark);
  patient.failure_budget = 0.2;
  EXPECT_EQ(only_finding(report, patient).severity, Severity::serious);
}

TEST(Judgement, ForgivesDeathsAndHangsWhereTheModelIsIsolated) {
  Report report = sound_report();
  HostileRun run;
  run.name = "NaN in all";
  run.has_died = true;
  report.groups[0].hostile = {run};
  Patient patient = small_patient();
  EXPECT_EQ(only_finding(report, patient).severity, Severity::serious);
  EXPECT_THAT(only_finding(report, patient).text, HasSubstr("model.isolation: process"));

  patient.is_isolated = true;
  EXPECT_EQ(only_finding(report, patient).severity, Severity::remark);
}

TEST(Judgement, DoubtsTheDifferencesWhereTheyDoNotAgreeWithEachOther) {
  Report report = sound_report();
  DerivativesAt at{.problem = "",
                   .errors = {{.step = 0.1,
                               .jacobian = 0.02,
                               .jacobian_vector = std::nan(""),
                               .vector_jacobian = std::nan("")}}};
  at.mismatch = std::nan("");
  at.product_mismatch = std::nan("");

  at.roughness = 0.05;
  report.groups[0].derivatives = {at};
  EXPECT_EQ(only_finding(report).severity, Severity::remark);
  EXPECT_THAT(only_finding(report).text, HasSubstr("cannot be checked"));

  at.roughness = 0.001;
  report.groups[0].derivatives = {at};
  EXPECT_EQ(only_finding(report).severity, Severity::serious);
}

TEST(Judgement, DoesNotBlameHostileParametersForWhatDiffersAnyway) {
  Report report = sound_report();
  HostileRun run;
  run.name = "NaN in all";
  run.outcome.status = Status::non_finite;
  run.afterwards.num_different = 1;
  run.afterwards.largest_in_noise = 0.5;
  report.groups[0].hostile = {run, run};
  report.groups[0].hostile[1].name = "NaN in a";
  EXPECT_THAT(only_finding(report).text, HasSubstr("usual parameters after NaN in all, NaN in a"));

  Difference& again = report.groups[0].repetition->again;
  again.num_different = 4;
  again.largest_relative = 0.01;
  again.largest_in_noise = 0.2;
  EXPECT_THAT(only_finding(report).text, HasSubstr("the same parameters again"));

  report.groups[0].derivatives = {DerivativesAt{.problem = "wrong", .errors = {}}};
  const std::vector<Finding> found = judge(report, small_patient());
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[1].text, HasSubstr("the derivatives cannot be judged"));
}

TEST(Judgement, CallsWhatGrowsOnceNoLeak) {
  Leaks leaks{.num_calls = 100, .before = {}, .middle = {}, .after = {}};
  leaks.before.resident_megabytes = 40;
  leaks.middle.resident_megabytes = 60;
  leaks.after.resident_megabytes = 60;
  EXPECT_EQ(growth_per_run(leaks, &Holdings::resident_megabytes), 0);

  leaks.after.resident_megabytes = 65;
  EXPECT_DOUBLE_EQ(growth_per_run(leaks, &Holdings::resident_megabytes), 0.1);
}

TEST(Judgement, AdvisesAnotherGroupSizeWhereThatPays) {
  Report report = sound_report();
  report.recommendation = {.num_ranks = 9, .ranks_per_model = 2, .gain = 1.05};
  EXPECT_THAT(judge(report, small_patient()), IsEmpty());

  report.recommendation.gain = 1.5;
  EXPECT_THAT(judge(report, small_patient()), IsEmpty());

  report.recommendation.is_clear = true;
  EXPECT_THAT(only_finding(report).text, HasSubstr("ranks_per_model: 2 instead of 1"));
}

TEST(Judgement, GivesTheGravestFirst) {
  Report report = sound_report();
  report.groups[0].sensitivity.emplace();
  report.groups[0].sensitivity->dead_parameters = {1};
  report.groups[0].mishaps = {{.check = "leaks", .has_hung = true, .message = "no answer"}};

  const std::vector<Finding> found = judge(report, small_patient());

  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].text, HasSubstr("in the runs for leaks the model hung"));
  EXPECT_THAT(found[1].text, HasSubstr("no QoI reacts to b"));
  EXPECT_EQ(verdict_of(found), Verdict::not_fit);
}

}  // namespace
}  // namespace invar::test
