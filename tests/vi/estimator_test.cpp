#include "invar/vi/estimator.hpp"

#include <cmath>
#include <limits>

#include "invar/core/random.hpp"
#include "invar/vi/target.hpp"
#include "vi/linear_problem.hpp"

namespace invar::vi {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int num_blocks = 200;
constexpr Eigen::Index block_size = 2000;

/// A state off the optimum of the linear problem.
struct Setting {
  explicit Setting(space::GaussianFamily family_kind)
      : problem(linear_problem(family_kind)), family(Family::diagonal(3)) {
    if (family_kind == space::GaussianFamily::multivariate) {
      MatrixXd correlation(3, 3);
      correlation << 1.0, 0.4, -0.3, 0.4, 1.0, 0.2, -0.3, 0.2, 1.0;
      family = Family::correlated(Eigen::LLT<MatrixXd>(correlation).matrixL());
    }
    at = {.mean = Eigen::Vector3d(0.4, -0.1, 0.5),
          .log_std = Eigen::Vector3d(0.6, 0.5, 0.4).array().log()};
    options.covariance_regularization = 0.0;
  }

  [[nodiscard]] MatrixXd covariance() const {
    return at.std().asDiagonal() * family.correlation() * at.std().asDiagonal();
  }

  LinearProblem problem;
  Family family;
  Coordinates at;
  RunViOptions options;
};

/// The mean of blocks and its standard error, entry by entry.
class BlockAverage {
 public:
  void add(const MatrixXd& block) {
    if (count_++ == 0) {
      sum_ = squares_ = MatrixXd::Zero(block.rows(), block.cols());
    }
    sum_ += block;
    squares_ += block.cwiseAbs2();
  }

  void expect_near(const MatrixXd& expected) const {
    const double n = count_;
    for (Eigen::Index j = 0; j < expected.cols(); ++j) {
      for (Eigen::Index i = 0; i < expected.rows(); ++i) {
        const double mean = sum_(i, j) / n;
        const double variance = (squares_(i, j) / n - mean * mean) * n / (n - 1.0);
        EXPECT_NEAR(mean, expected(i, j), 4.0 * std::sqrt(variance / n)) << i << ", " << j;
      }
    }
  }

  [[nodiscard]] MatrixXd variance() const {
    return squares_ / count_ - (sum_ / count_).cwiseAbs2();
  }

 private:
  int count_ = 0;
  MatrixXd sum_;
  MatrixXd squares_;
};

struct Averages {
  BlockAverage elbo;
  BlockAverage mean;
  BlockAverage log_std;
  BlockAverage hessian;
};

Averages average(const Setting& setting, BaselineMethod baseline) {
  const Target target(setting.problem.space, setting.problem.observations, setting.options);
  Averages averages;
  for (std::uint32_t block = 0; block < num_blocks; ++block) {
    const MatrixXd z = core::standard_normals(
        {.seed = 5, .purpose = core::Purpose::test, .iteration = 0, .block = block}, 3, block_size);
    const Points points = target.place(setting.family.points(setting.at, z));
    const VectorXd f = target.scale() *
                       target.log_densities(points, setting.problem.model * points.physical).sum();
    const Standardized seen = setting.family.standardize(setting.at, points.x);
    const GradientEstimate gradient = estimate_gradient(seen, f, baseline, target.scale());
    averages.elbo.add(MatrixXd::Constant(
        1, 1, estimate_elbo(f, target.scale() * setting.family.entropy(setting.at)).value));
    averages.mean.add(gradient.mean);
    averages.log_std.add(gradient.log_std);
    averages.hessian.add(estimate_hessian(setting.family, seen, f, baseline));
  }
  return averages;
}

class EveryFamily : public ::testing::TestWithParam<space::GaussianFamily> {};

TEST_P(EveryFamily, AgreesWithTheClosedFormsOfALinearModel) {
  const Setting setting(GetParam());
  const double c = setting.problem.observations.noise.variances().mean();
  const MatrixXd a = setting.problem.precision();
  const MatrixXd sigma = setting.covariance();
  const VectorXd off = setting.at.mean - setting.problem.posterior_mean();

  for (const BaselineMethod baseline : {BaselineMethod::none, BaselineMethod::loo}) {
    const Averages averages = average(setting, baseline);

    averages.mean.expect_near(-c * a * off);
    averages.log_std.expect_near(c * (1.0 - (a * sigma).diagonal().array()));
    MatrixXd hessian = MatrixXd::Zero(6, 6);
    hessian.topLeftCorner(3, 3) = -c * a;
    hessian.bottomRightCorner(3, 3) = -c * a.cwiseProduct(sigma);
    hessian.bottomRightCorner(3, 3).diagonal() -= c * (a * sigma).diagonal();
    averages.hessian.expect_near(hessian);
    // The evidence less the divergence KL(q, posterior).
    const double divergence = 0.5 * ((a * sigma).trace() + off.dot(a * off) - 3.0 -
                                     std::log(a.determinant()) - std::log(sigma.determinant()));
    averages.elbo.expect_near(
        MatrixXd::Constant(1, 1, c * (setting.problem.log_evidence() - divergence)));
  }
}

TEST_P(EveryFamily, HasLessVarianceWithABaseline) {
  const Setting setting(GetParam());
  const double none = average(setting, BaselineMethod::none).log_std.variance().sum();

  EXPECT_LT(average(setting, BaselineMethod::loo).log_std.variance().sum(), none);
  EXPECT_LT(average(setting, BaselineMethod::optimal).log_std.variance().sum(), none);
}

/// The Hessian by its definition: a matrix per sample, a baseline per entry.
MatrixXd hessian_by_definition(const Family& family, const Standardized& points, const VectorXd& f,
                               bool is_optimal) {
  const Eigen::Index d = family.dimension();
  const MatrixXd p = family.inverse_correlation();
  MatrixXd mean_fk = MatrixXd::Zero(2 * d, 2 * d);
  MatrixXd mean_k = mean_fk;
  MatrixXd above = mean_fk;
  MatrixXd below = mean_fk;
  for (Eigen::Index i = 0; i < f.size(); ++i) {
    const VectorXd e = points.e.col(i);
    const VectorXd a = points.a.col(i);
    VectorXd s(2 * d);
    s << a.cwiseQuotient(points.std), (e.array() * a.array() - 1.0).matrix();
    MatrixXd k = s * s.transpose();
    for (Eigen::Index row = 0; row < d; ++row) {
      for (Eigen::Index column = 0; column < d; ++column) {
        const bool is_diagonal = row == column;
        k(row, column) -= p(row, column) / (points.std[row] * points.std[column]);
        k(d + row, d + column) -=
            e[row] * e[column] * p(row, column) + (is_diagonal ? e[row] * a[row] : 0.0);
        const double mixed =
            p(row, column) * e[column] / points.std[row] + (is_diagonal ? s[row] : 0.0);
        k(row, d + column) -= mixed;
        k(d + column, row) -= mixed;
      }
    }
    mean_fk += f[i] * k;
    mean_k += k;
    above += f[i] * k.cwiseAbs2();
    below += k.cwiseAbs2();
  }
  if (is_optimal) {
    mean_fk -= above.cwiseQuotient(below).cwiseProduct(mean_k);
  }
  return mean_fk / static_cast<double>(f.size());
}

TEST_P(EveryFamily, FormsTheHessianOfItsDefinition) {
  const Setting setting(GetParam());
  const Eigen::Index num_samples = 9;
  const MatrixXd z =
      core::standard_normals({.seed = 3, .purpose = core::Purpose::test}, 3, num_samples);
  const Standardized seen =
      setting.family.standardize(setting.at, setting.family.points(setting.at, z));
  const VectorXd f = VectorXd::LinSpaced(num_samples, -3.0, 1.0).array().sin();

  for (const bool is_optimal : {false, true}) {
    const MatrixXd hessian = estimate_hessian(
        setting.family, seen, f, is_optimal ? BaselineMethod::optimal : BaselineMethod::none);

    const MatrixXd expected = hessian_by_definition(setting.family, seen, f, is_optimal);
    EXPECT_LT((hessian - expected).cwiseAbs().maxCoeff(), 1e-13 * expected.cwiseAbs().maxCoeff());
    EXPECT_EQ(hessian, hessian.transpose());
  }
}

INSTANTIATE_TEST_SUITE_P(Estimator, EveryFamily,
                         ::testing::Values(space::GaussianFamily::diagonal,
                                           space::GaussianFamily::multivariate));

TEST(EstimateElbo, HasTheStandardErrorOfTheMean) {
  const VectorXd f = Eigen::Vector4d(1.0, 2.0, 3.0, 6.0);

  const ElboEstimate elbo = estimate_elbo(f, 0.5);

  EXPECT_DOUBLE_EQ(elbo.value, 3.5);
  EXPECT_DOUBLE_EQ(elbo.standard_error, std::sqrt(14.0 / 3.0 / 4.0));
}

TEST(EstimateGradient, HasAnInfiniteRatioWithoutNoise) {
  // Two equal samples: no noise, and under loo no gradient but that of the entropy.
  const Family family = Family::diagonal(1);
  const Coordinates at{.mean = VectorXd::Zero(1), .log_std = VectorXd::Zero(1)};
  const Standardized points = family.standardize(at, MatrixXd::Ones(1, 2));
  const VectorXd f = VectorXd::Ones(2);

  EXPECT_EQ(estimate_gradient(points, f, BaselineMethod::loo, 1.0).snr,
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(estimate_gradient(points, f, BaselineMethod::loo, 0.0).snr, 0.0);
}

TEST(EstimateHessian, ReplacesWhatIsNotFiniteByZero) {
  const Family family = Family::diagonal(1);
  const Coordinates at{.mean = VectorXd::Zero(1), .log_std = VectorXd::Zero(1)};
  const Standardized points = family.standardize(at, Eigen::RowVector2d(0.5, -0.3));
  const VectorXd f = Eigen::Vector2d(1.0, -std::numeric_limits<double>::infinity());

  EXPECT_EQ(estimate_hessian(family, points, f, BaselineMethod::none), MatrixXd::Zero(2, 2));
}

}  // namespace
}  // namespace invar::vi
