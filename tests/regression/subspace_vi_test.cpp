#include "invar/regression/subspace_vi.hpp"

#include <cmath>
#include <iostream>
#include <functional>
#include <memory>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/regression/make_regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StopReason;
using ::testing::Contains;
using ::testing::HasSubstr;

MatrixXd normals(std::uint64_t seed, Index rows, Index columns) {
  return core::standard_normals({.seed = seed, .purpose = core::Purpose::test}, rows, columns);
}

MatrixXd orthonormal(std::uint64_t seed, Index rows, Index columns) {
  return normals(seed, rows, columns).householderQr().householderQ() *
         MatrixXd::Identity(rows, columns);
}

/// A model with all derivatives, as functions.
struct Problem {
  space::Space space;
  space::Observations observations;
  std::function<VectorXd(const VectorXd&)> model;
  std::function<MatrixXd(const VectorXd&)> jacobian;

  [[nodiscard]] method::BatchResult evaluate(const method::Batch& batch) const {
    method::BatchResult result;
    for (Index i = 0; i < batch.points.cols(); ++i) {
      const VectorXd theta = batch.points.col(i);
      method::Evaluation evaluation;
      evaluation.qois = model(theta);
      const method::WantedDerivatives& wanted = batch.wanted_of(i);
      if (!wanted.is_empty()) {
        const MatrixXd j = jacobian(theta);
        if (wanted.jacobian) {
          evaluation.derivatives.jacobian = j;
        }
        if (wanted.directions.size() > 0) {
          evaluation.derivatives.jacobian_vectors = j * wanted.directions;
        }
        if (wanted.weights.size() > 0) {
          evaluation.derivatives.vector_jacobians = j.transpose() * wanted.weights;
        }
      }
      result.evaluations.push_back(std::move(evaluation));
    }
    return result;
  }

  [[nodiscard]] std::unique_ptr<SubspaceVi> solve(
      const RegressionViOptions& options, DerivativeSource source,
      const std::function<void(const SubspaceVi&)>& look = [](const SubspaceVi&) {}) const {
    auto method =
        std::make_unique<SubspaceVi>(space, observations, options, std::nullopt, source);
    while (method->stop_reason() == StopReason::none) {
      method->tell(evaluate(method->ask()));
      look(*method);
    }
    return method;
  }
};

space::Space make_space(const space::Prior& prior, const space::Bounds& bounds) {
  space::Space space{.names = {}, .units = {}, .prior = prior, .bounds = bounds};
  for (Index j = 0; j < prior.dimension(); ++j) {
    space.names.push_back(fmt::format("p{}", j));
    space.units.emplace_back();
  }
  return space;
}

Problem linear_problem(const MatrixXd& matrix, const VectorXd& values, double variance,
                       const space::Prior& prior) {
  return {.space = make_space(prior, space::Bounds::none(prior.dimension())),
          .observations = {.values = values,
                           .noise = space::Noise::independent(
                               VectorXd::Constant(values.size(), variance))},
          .model = [matrix](const VectorXd& theta) -> VectorXd { return matrix * theta; },
          .jacobian = [matrix](const VectorXd& /*theta*/) { return matrix; }};
}

/// KL(q || posterior) of a linear problem with independent prior, through the m x m and r x r
/// matrices alone.
double kl_to_linear_posterior(const MatrixXd& matrix, const Problem& problem,
                              const SubspaceVi::Answer& q) {
  const VectorXd std = problem.space.prior.std();
  const double noise = std::sqrt(problem.observations.noise.variances()[0]);
  const MatrixXd a = matrix * std.asDiagonal() / noise;
  const VectorXd y =
      (problem.observations.values - matrix * problem.space.prior.mean()) / noise;
  const Index m = a.rows();
  const Index r = q.basis.cols();
  const MatrixXd gram = a * a.transpose() + MatrixXd::Identity(m, m);
  const VectorXd mean = a.transpose() * gram.llt().solve(y);
  // tr((I + A^T A)(I + B C B^T)) - d and the determinants.
  const MatrixXd ab = a * q.basis;
  const double trace = a.squaredNorm() + (q.excess * (MatrixXd::Identity(r, r) + ab.transpose() * ab)).trace();
  const VectorXd off = q.mean - mean;
  const MatrixXd inner = MatrixXd::Identity(r, r) + q.excess;
  return 0.5 * (trace + off.squaredNorm() + (a * off).squaredNorm() -
                2.0 * gram.llt().matrixLLT().diagonal().array().log().sum() -
                2.0 * inner.llt().matrixLLT().diagonal().array().log().sum());
}

/// A smoothing operator.
MatrixXd operator_of(Index m, Index d, const std::function<double(Index)>& singular_value) {
  VectorXd values(m);
  for (Index k = 0; k < m; ++k) {
    values[k] = singular_value(k);
  }
  return orthonormal(3, m, m) * values.asDiagonal() * orthonormal(5, d, m).transpose();
}

TEST(SubspaceVi, FindsAnIllPosedPosteriorByProducts) {
  const Index d = 200;
  for (const auto& [m, rank, value] :
       {std::tuple(Index{60}, Index{60},
                   std::function([](Index k) { return 1.0 / std::pow(static_cast<double>(k) + 1.0, 2); })),
        std::tuple(Index{100}, Index{12},
                   std::function([](Index k) { return k < 12 ? std::exp(-0.4 * static_cast<double>(k)) : 0.0; })),
        std::tuple(Index{100}, Index{24},
                   std::function([](Index k) { return std::exp(-0.6 * static_cast<double>(k)); }))}) {
    const MatrixXd matrix = operator_of(m, d, value);
    const Problem problem =
        linear_problem(matrix, matrix * normals(6, d, 1), 1e-6,
                       space::Prior::diagonal(VectorXd::Zero(d), VectorXd::Ones(d)));
    const auto solved = problem.solve({}, DerivativeSource::vector_jacobian);
    EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
    EXPECT_LE(kl_to_linear_posterior(matrix, problem, solved->answer()), 1e-6);
    std::cout << m << ": rank " << rank << " found " << solved->answer().basis.cols() << ", "
              << solved->num_evaluations() << " + " << solved->num_products() << "\n";
    EXPECT_LE(solved->num_evaluations() + solved->num_products(), 2 * (rank + 10));
  }
}

class ManyParameters : public ::testing::TestWithParam<DerivativeSource> {};

TEST_P(ManyParameters, TakeFewRunsWhereFewDirectionsAreInformed) {
  const Index d = 2000;
  const MatrixXd matrix =
      operator_of(40, d, [](Index k) { return k < 20 ? 10.0 / (1.0 + static_cast<double>(k)) : 0.0; });
  const Problem problem = linear_problem(
      matrix, matrix * normals(6, d, 1), 0.01,
      space::Prior::diagonal(VectorXd::Constant(d, 0.5), VectorXd::LinSpaced(d, 0.5, 2.0)));
  const auto solved = problem.solve({}, GetParam());
  EXPECT_EQ(solved->stop_reason(), StopReason::accuracy);
  EXPECT_LE(kl_to_linear_posterior(matrix, problem, solved->answer()), 1e-3);
  EXPECT_LE(solved->num_evaluations() + solved->num_products(), 80);
  const auto posterior = solved->posterior();
  ASSERT_TRUE(posterior.has_value());
  EXPECT_EQ(posterior->mean.size(), d);
  EXPECT_EQ(posterior->covariance.size(), 0);
  EXPECT_THAT(posterior->findings, Contains(HasSubstr("of 2000 directions")));
}

INSTANTIATE_TEST_SUITE_P(SubspaceVi, ManyParameters,
                         ::testing::Values(DerivativeSource::vector_jacobian,
                                           DerivativeSource::jacobian));

}  // namespace
}  // namespace invar::regression
