// The checks and what is made of them, with a model that is wrong on purpose: every lie is found
// and named, and nothing else. On several ranks the model runs on all of them together.
#include "doctor/checks.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/derivatives.hpp"
#include "doctor/fixture.hpp"
#include "doctor/hostile.hpp"
#include "doctor/judgement.hpp"
#include "doctor/leaks.hpp"
#include "doctor/points.hpp"
#include "doctor/repetition.hpp"
#include "doctor/sensitivity.hpp"
#include "support/lying_model.hpp"

namespace invar::test {
namespace {

using namespace invar::doctor;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Checks : public ::testing::Test {
 protected:
  Subject::Setup setup(const std::string& lies) const {
    return {.make =
                [lies](MPI_Comm group) {
                  return make_lying_model({.lies = lies}, {.num_parameters = 3, .num_qois = 5},
                                          group);
                },
            .group = group_.get(),
            .team = &team_,
            .timeout_s = {}};
  }

  /// Makes checks on rank 0, followed by the others. What comes after is local.
  template <class Check>
  void examine(const std::string& lies, const Check& check) const {
    Subject subject(setup(lies));
    if (team_.rank() == 0) {
      check(subject);
      subject.dismiss();
    } else {
      subject.serve();
    }
  }

  /// What all checks find in usual runs and in one hostile one; on rank 0.
  std::vector<Finding> findings(const std::string& lies) const {
    Report report{.ranks_per_model = team_.size()};
    const Patient patient = small_patient();
    report.parameter_names = patient.space.names;
    report.num_observations = patient.noise_std.size();
    const Eigen::MatrixXd points = usual_points(patient.space, patient.seed, patient.num_draws);
    examine(lies, [&](Subject& subject) {
      GroupReport group{.num_ranks = team_.size(), .is_reference = true};
      group.repetition = check_repetition(subject, points, patient.noise_std, true);
      group.sensitivity = check_sensitivity(subject, patient.space, points);
      group.derivatives.emplace();
      if (group.repetition->sizes.gives_derivatives()) {
        group.derivatives->push_back(
            check_derivatives(subject, patient.space, points.col(1), patient.seed, 1));
      }
      group.leaks = check_leaks(subject, points, patient.num_calls);
      Outcome usual;
      group.hostile.push_back(check_hostile(subject, hostile_points(patient.space).front(),
                                            points.col(0), usual, patient.noise_std));
      report.groups.push_back(group);
    });
    return team_.rank() == 0 ? judge(report, patient) : std::vector<Finding>();
  }

  /// The one thing that is found, on rank 0.
  void expect_one(const std::string& lies, Severity severity, const std::string& words) const {
    const std::vector<Finding> found = findings(lies);
    if (team_.rank() == 0) {
      ASSERT_THAT(found, SizeIs(1)) << lies << ": " << testing::PrintToString(texts(found));
      EXPECT_THAT(found[0].text, HasSubstr(words)) << lies;
      EXPECT_EQ(found[0].severity, severity) << lies << ": " << found[0].text;
    }
  }

  /// The gravest that is found, on rank 0.
  void expect_first(const std::string& lies, Severity severity, const std::string& words) const {
    const std::vector<Finding> found = findings(lies);
    if (team_.rank() == 0) {
      ASSERT_FALSE(found.empty());
      EXPECT_THAT(found[0].text, HasSubstr(words)) << lies;
      EXPECT_EQ(found[0].severity, severity) << lies << ": " << found[0].text;
    }
  }

  static std::vector<std::string> texts(const std::vector<Finding>& findings) {
    std::vector<std::string> all;
    for (const Finding& finding : findings) {
      all.push_back(finding.text);
    }
    return all;
  }

  parallel::Comm team_ = parallel::Comm::duplicate(MPI_COMM_WORLD);
  parallel::Comm group_ = parallel::Comm::duplicate(MPI_COMM_WORLD);
};

TEST_F(Checks, FindNothingInAnHonestModel) {
  EXPECT_THAT(texts(findings("")), IsEmpty());
  EXPECT_THAT(texts(findings("no_derivatives")), IsEmpty());
}

TEST_F(Checks, FindRunsThatDifferAndWhetherItMatters) {
  const std::vector<Finding> little = findings("random");
  const std::vector<Finding> much = findings("random_much no_derivatives");

  if (team_.rank() == 0) {
    EXPECT_THAT(texts(little), Contains(HasSubstr("the model is not deterministic: the same "
                                                  "parameters again")));
    EXPECT_EQ(verdict_of(little), Verdict::fit_with_remarks);
    EXPECT_THAT(texts(much), Contains(HasSubstr("the model is not deterministic")));
    EXPECT_EQ(verdict_of(much), Verdict::not_fit);
  }
}

TEST_F(Checks, FindAnInstanceThatDiffers) {
  expect_one("instance", Severity::remark, "the same parameters in a new instance");
}

TEST_F(Checks, FindAWrongJacobianAndNameItsColumn) {
  const std::vector<Finding> found = findings("jacobian");

  if (team_.rank() == 0) {
    EXPECT_THAT(texts(found), Contains(testing::AllOf(HasSubstr("the Jacobian is off by 0.0"),
                                                      HasSubstr("farthest for b (0.00"))));
    EXPECT_THAT(texts(found), Contains(HasSubstr("J times v and J v differ")));
    EXPECT_EQ(found.front().severity, Severity::serious);
  }
}

TEST_F(Checks, FindAWrongProductWithTheJacobian) {
  const std::vector<Finding> found = findings("forward");

  if (team_.rank() == 0) {
    EXPECT_THAT(texts(found), Contains(HasSubstr("J v is off by 0.0")));
    EXPECT_THAT(texts(found), Contains(HasSubstr("w^T (J v) and (w^T J) v differ by")));
    EXPECT_THAT(texts(found), Contains(HasSubstr("J times v and J v differ by 0.01")));
  }
}

TEST_F(Checks, FindAWrongAdjoint) {
  const std::vector<Finding> found = findings("adjoint");

  if (team_.rank() == 0) {
    EXPECT_THAT(texts(found), Contains(HasSubstr("w^T J is off by")));
    EXPECT_THAT(texts(found), Contains(HasSubstr("w^T (J v) and (w^T J) v differ by")));
    EXPECT_EQ(verdict_of(found), Verdict::not_fit);
  }
}

TEST_F(Checks, FindAJacobianOfAnotherShape) {
  expect_one("shape", Severity::serious, "Jacobian: expected 5 x 3, found 6 x 3");
}

TEST_F(Checks, FindMemoryThatGrows) {
  expect_one("memory", Severity::serious, "memory grows by 1");
}

TEST_F(Checks, FindDescriptorsThatStayOpen) {
  expect_one("descriptors", Severity::serious, "descriptors (open files) are not given back: 1 ");
}

TEST_F(Checks, FindCommunicatorsThatAreNotFreed) {
  expect_first("communicators", Severity::serious, "communicators are not given back: 1 ");
}

TEST_F(Checks, FindThreadsThatGoOn) {
  expect_first("threads", Severity::serious, "threads are not given back: 1 ");
}

TEST_F(Checks, FindChildrenThatAreLeft) {
  expect_one("children", Severity::serious, "child processes are not given back: 1 ");
}

TEST_F(Checks, FindAnswersForNan) {
  expect_one("swallow_nan", Severity::remark, "finite QoIs for NaN in all");
}

TEST_F(Checks, FindAModelThatNanSpoils) {
  expect_one("spoilt_by_nan", Severity::serious, "usual parameters after NaN in all");
}

TEST_F(Checks, TakeAnExceptionForAFailedRun) {
  examine("throw_on_nan", [](Subject& subject) {
    subject.prepare();
    const Answer answer = subject.run(Eigen::Vector3d::Constant(std::nan("")));

    EXPECT_EQ(answer.outcome.status, Status::crashed);
    EXPECT_THAT(answer.outcome.message, HasSubstr("a parameter is no number"));
    EXPECT_TRUE(subject.run(Eigen::Vector3d(0, 0, 0)).outcome.is_ok());
  });
}

TEST_F(Checks, NameAParameterThatDoesNothing) {
  expect_one("dead_parameter", Severity::remark, "no QoI reacts to c");
}

TEST_F(Checks, NameAQoiThatNeverMoves) {
  expect_one("dead_qoi", Severity::remark, "1 QoI reacts to no parameter (counted from 0): 0");
}

TEST_F(Checks, CountRunsThatFailWithinThePrior) {
  const std::vector<Finding> found = findings("fail");

  if (team_.rank() == 0) {
    EXPECT_THAT(texts(found), Contains(HasSubstr("runs within the prior failed (model_failed: the "
                                                 "first parameter is too large)")));
  }
}

TEST_F(Checks, TellThatAModelCannotBeMadeAndGoOn) {
  Subject::Setup broken = setup("");
  broken.make = [](MPI_Comm /*group*/) -> std::unique_ptr<model::Model> {
    throw Error(ErrorKind::config, "no mesh");
  };
  Subject subject(broken);

  if (team_.rank() == 0) {
    EXPECT_THROW(subject.renew(), Error);
    EXPECT_GT(subject.holdings().num_descriptors, 2);
    subject.dismiss();
  } else {
    subject.serve();
  }
}

TEST(ChecksOfGroup, AreFewerBesideTheReference) {
  Patient patient = small_patient();
  const auto all = checks_of_group(patient, true);

  EXPECT_THAT(checks_of_group(patient, false), ElementsAre("repetition-short"));
  EXPECT_EQ(all.front(), "repetition");
  EXPECT_EQ(hostile_number(all.back()),
            static_cast<long>(hostile_points(patient.space).size()) - 1);
  EXPECT_EQ(hostile_number("leaks"), -1);
  patient.num_calls = 0;
  EXPECT_EQ(checks_of_group(patient, true).size(), all.size() - 1);
}

TEST_F(Checks, TakeNoMoreRunsThanTheySay) {
  const Patient patient = small_patient();
  const Eigen::MatrixXd points = usual_points(patient.space, patient.seed, patient.num_draws);
  examine("", [&](Subject& subject) {
    long num_runs = 0;
    subject.on_begin = [&](const model::ModelRequest* request) {
      num_runs += request != nullptr ? 1 : 0;
    };
    const auto runs_of = [&](const auto& check) {
      num_runs = 0;
      check();
      return num_runs;
    };

    EXPECT_EQ(runs_of([&] { check_repetition(subject, points, patient.noise_std, true); }),
              most_runs(patient, "repetition"));
    EXPECT_EQ(runs_of([&] { check_repetition(subject, points, patient.noise_std, false); }),
              most_runs(patient, "repetition-short"));
    EXPECT_EQ(runs_of([&] { check_sensitivity(subject, patient.space, points); }),
              most_runs(patient, "sensitivity"));
    EXPECT_EQ(runs_of([&] { check_leaks(subject, points, patient.num_calls); }),
              most_runs(patient, "leaks"));
    EXPECT_EQ(2 * runs_of([&] {
                check_derivatives(subject, patient.space, points.col(0), patient.seed, 0);
              }),
              most_runs(patient, "derivatives"));
  });
}

}  // namespace
}  // namespace invar::test
