#include "invar/regression/polynomial_fit.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include <Eigen/Dense>

#include "invar/core/error.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Smaller than any residual that matters, so that logarithms stay finite for exact fits.
constexpr double tiny = 1e-300;

/// Regression on (1, z) with a ridge on the slopes.
struct LinearFit {
  MatrixXd slope;    // d x q
  MatrixXd basis;    // d x r, the directions in which z varies
  VectorXd squares;  // r, how much
  double residual_variance = 0.0;
  double slope_variance = 0.0;  // over the residual's
  double log_likelihood = 0.0;  // restricted, up to a constant
  MatrixXd left_out;            // n x q, weighted residuals of samples that are left out
};

struct Centred {
  VectorXd roots;      // of the weights, n
  MatrixXd z, values;  // n rows each, weighted, less their weighted means
};

Centred centre(const MatrixXd& z, const VectorXd& weights, const MatrixXd& values) {
  Centred centred;
  centred.roots = weights.cwiseSqrt();
  const double total = weights.sum();
  const auto shifted = [&](const MatrixXd& rows) -> MatrixXd {
    const Eigen::RowVectorXd mean = weights.transpose() * rows / total;
    return centred.roots.asDiagonal() * (rows.rowwise() - mean);
  };
  centred.z = shifted(z.transpose());
  centred.values = shifted(values);
  return centred;
}

/// The logarithm of the restricted likelihood of one variance ratio, the residual's being the best.
double restricted_log_likelihood(double sum_of_squares, double log_determinant, double num_values,
                                 double num_outputs) {
  return -0.5 * num_values * std::log(sum_of_squares / num_values + tiny) -
         0.5 * num_outputs * log_determinant;
}

/// What a weighted residual would be without the sample: the residual over the share of the value
/// that does not reach the fit. Both are sums without cancellation, so that the quotient holds
/// also where they are next to nothing because the fit meets every sample.
MatrixXd left_out(const Eigen::BDCSVD<MatrixXd>& svd, const Centred& data, double ratio) {
  constexpr double negligible = 1e-12;
  const VectorXd& singular = svd.singularValues();
  const Index rank = (singular.array() > negligible * singular.maxCoeff()).count();
  const auto basis = svd.matrixU().leftCols(rank);
  const VectorXd shrink = (1.0 + ratio * singular.head(rank).array().square()).inverse();
  const MatrixXd turned = basis.transpose() * data.values;
  VectorXd share = basis.cwiseAbs2() * shrink;
  MatrixXd residuals = basis * (shrink.asDiagonal() * turned);
  const bool is_met = rank >= data.z.rows() - 1;
  if (!is_met) {
    const VectorXd outside = 1.0 - basis.rowwise().squaredNorm().array() -
                             data.roots.array().square() / data.roots.squaredNorm();
    const MatrixXd beyond = data.values - basis * turned;
    for (Index i = 0; i < outside.size(); ++i) {
      if (outside[i] > negligible) {
        share[i] += outside[i];
        residuals.row(i) += beyond.row(i);
      }
    }
  }
  return share.cwiseMax(tiny).cwiseInverse().asDiagonal() * residuals;
}

LinearFit fit_linear(const Centred& data) {
  const Index n = data.z.rows();
  const auto num_outputs = static_cast<double>(data.values.cols());
  const double num_values = static_cast<double>(n - 1) * num_outputs;
  LinearFit best;
  best.slope = MatrixXd::Zero(data.z.cols(), data.values.cols());
  best.left_out = MatrixXd::Zero(n, data.values.cols());
  if (n < 2) {
    return best;
  }
  const Eigen::BDCSVD<MatrixXd> svd(data.z, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const VectorXd squares = svd.singularValues().cwiseAbs2();
  const MatrixXd turned = svd.matrixU().transpose() * data.values;
  const VectorXd inside = turned.rowwise().squaredNorm();
  const double outside = (data.values - svd.matrixU() * turned).squaredNorm();
  const auto trial = [&](double log_ratio) {
    const VectorXd shrink = (1.0 + std::exp(log_ratio) * squares.array()).inverse();
    const double sum = outside + inside.dot(shrink);
    return std::pair(
        sum, restricted_log_likelihood(sum, -shrink.array().log().sum(), num_values, num_outputs));
  };
  constexpr double least = -12.0;
  constexpr double most = 60.0;
  double log_ratio = least;
  double largest = -HUGE_VAL;
  const auto look = [&](double candidate) {
    if (candidate >= least && candidate <= most && trial(candidate).second > largest) {
      largest = trial(candidate).second;
      log_ratio = candidate;
    }
  };
  for (int i = 0; least + 2.0 * i <= most; ++i) {
    look(least + 2.0 * i);
  }
  for (const double step : {1.0, 0.5, 0.25}) {
    const double middle = log_ratio;
    look(middle - step);
    look(middle + step);
  }
  const double ratio = std::exp(log_ratio);
  best.basis = svd.matrixV();
  best.squares = squares;
  const VectorXd gain = ratio * svd.singularValues().array() / (1.0 + ratio * squares.array());
  best.slope = svd.matrixV() * (gain.asDiagonal() * turned);
  best.residual_variance = trial(log_ratio).first / num_values;
  best.slope_variance = ratio;
  best.log_likelihood = largest;
  best.left_out = left_out(svd, data, ratio);
  return best;
}

/// The Hermite polynomials of degree 2 at every sample: (z_a^2 - 1) / sqrt 2, then z_a z_b with
/// a < b; a row per sample.
MatrixXd second_degree(const MatrixXd& z) {
  const Index d = z.rows();
  MatrixXd features(z.cols(), d * (d + 1) / 2);
  features.leftCols(d) = ((z.array().square() - 1.0) / std::numbers::sqrt2).matrix().transpose();
  Index column = d;
  for (Index a = 0; a < d; ++a) {
    for (Index b = a + 1; b < d; ++b) {
      features.col(column++) = z.row(a).cwiseProduct(z.row(b)).transpose();
    }
  }
  return features;
}

/// The inverse of a lower triangular matrix, with a third of what a solve with the identity takes.
void invert_lower(Eigen::Ref<MatrixXd> lower) {
  constexpr Index block = 64;
  const Index n = lower.rows();
  if (n <= block) {
    const MatrixXd whole = lower;
    lower.setIdentity();
    whole.triangularView<Eigen::Lower>().solveInPlace(lower);
    return;
  }
  const Index half = n / 2;
  auto above = lower.topLeftCorner(half, half);
  auto below = lower.bottomRightCorner(n - half, n - half);
  invert_lower(above);
  invert_lower(below);
  const MatrixXd product =
      lower.bottomLeftCorner(n - half, half) * above.triangularView<Eigen::Lower>();
  lower.bottomLeftCorner(n - half, half).noalias() =
      -(below.triangularView<Eigen::Lower>() * product);
}

/// Regression on all polynomials of degree 2: by Gram matrices of the samples, or in an orthonormal
/// basis of the polynomials' values where these are fewer.
class QuadraticFit {
 public:
  /// @param scaled  z in the metric of the curvatures
  QuadraticFit(const MatrixXd& z, const MatrixXd& scaled, const Centred& data)
      : z_(z),
        scaled_(scaled),
        roots_(data.roots),
        values_(data.values),
        unit_(roots_ / roots_.norm()) {
    const Index d = z.rows();
    const Index num_features = d + d * (d + 1) / 2;
    if (is_reduced(d, z.cols())) {
      reduce(num_features);
      return;
    }
    linear_ = z.transpose() * z;
    const MatrixXd gram = scaled.transpose() * scaled;
    const VectorXd squares = gram.diagonal();
    quadratic_ = 0.5 * gram.cwiseAbs2();
    quadratic_.rowwise() -= 0.5 * squares.transpose();
    quadratic_.colwise() -= 0.5 * squares;
    quadratic_.array() += 0.5 * static_cast<double>(z.rows());
    weight_and_centre(linear_);
    weight_and_centre(quadratic_);
  }

  struct Variances {
    double log_slope;  // over the residual's
    double log_curvature;
  };

  /// The best of the restricted likelihood near `start`, by trials along the axes and with both
  /// variances in step, as those of an exact fit grow together.
  Variances search(Variances at, double first_step, double last_step) {
    double largest = log_likelihood(at);
    for (double step = first_step; step >= last_step;) {
      bool has_improved = false;
      for (const auto& [slope, curvature] : {std::pair(step, step),
                                             {-step, -step},
                                             {step, 0.0},
                                             {-step, 0.0},
                                             {0.0, step},
                                             {0.0, -step}}) {
        const Variances candidate{
            .log_slope = std::clamp(at.log_slope + slope, -12.0, 26.0),
            .log_curvature = std::clamp(at.log_curvature + curvature, -18.0, 26.0)};
        const double found = log_likelihood(candidate);
        if (found > largest) {
          largest = found;
          at = candidate;
          has_improved = true;
        }
      }
      if (!has_improved) {
        step /= 2.0;
      }
    }
    log_likelihood(at);
    best_log_likelihood_ = largest;
    return at;
  }

  /// Takes variances without a search.
  void take(const Variances& at) { best_log_likelihood_ = log_likelihood(at); }

  /// Whether the work is done in a basis of the polynomials.
  static bool is_reduced(Index dimension, Index num_samples) {
    return dimension * (dimension + 3) < num_samples;
  }
  [[nodiscard]] bool is_reduced() const { return upper_.size() > 0; }

  [[nodiscard]] double best_log_likelihood() const { return best_log_likelihood_; }

  /// Slopes and curvatures (in the metric) for the variances tried last.
  QuadraticMap map(const Variances& at) {
    MatrixXd alpha = half_;  // n x m
    factor_.matrixU().solveInPlace(alpha);
    const Index d = z_.rows();
    const Index m = alpha.cols();
    QuadraticMap map{.offset = VectorXd::Zero(m), .slope = {}};
    map.curvature.resize(d, d * m);
    if (is_reduced()) {
      const MatrixXd coefficients = upper_.transpose() * alpha;
      map.slope = std::exp(at.log_slope) * coefficients.topRows(d);
      const MatrixXd second =
          std::exp(at.log_curvature) * coefficients.bottomRows(coefficients.rows() - d);
      for (Index k = 0; k < m; ++k) {
        map.curvature.middleCols(k * d, d) = curvature_of(second.col(k));
      }
      return map;
    }
    alpha = roots_.asDiagonal() * alpha;
    map.slope = std::exp(at.log_slope) * (z_ * alpha);
    const MatrixXd weighted = std::exp(at.log_curvature) * alpha;
    const Eigen::RowVectorXd sums = weighted.colwise().sum();
    for (Index k = 0; k < m; ++k) {
      auto block = map.curvature.middleCols(k * d, d);
      block.noalias() = (scaled_ * weighted.col(k).asDiagonal()) * scaled_.transpose();
      block.diagonal().array() -= sums[k];
    }
    return map;
  }

  [[nodiscard]] double residual_variance() const { return residual_variance_; }

  /// As of a linear fit, for the variances tried last.
  [[nodiscard]] MatrixXd left_out() const {
    if (is_reduced()) {
      // The part outside the polynomials, and what the ridge leaves inside.
      MatrixXd inside = basis_.transpose();
      factor_.matrixL().solveInPlace(inside);
      const VectorXd share = 1.0 - unit_.array().square() - basis_.rowwise().squaredNorm().array() +
                             inside.colwise().squaredNorm().transpose().array();
      const MatrixXd residuals = outside_ + inside.transpose() * half_;
      return share.cwiseMax(1e-3).cwiseInverse().asDiagonal() * residuals;
    }
    MatrixXd inverse = factor_.matrixL();
    invert_lower(inverse);
    const VectorXd share =
        inverse.colwise().squaredNorm().transpose().array() - unit_.array().square() / constant_;
    MatrixXd residuals = half_;
    factor_.matrixU().solveInPlace(residuals);
    return share.cwiseMax(tiny).cwiseInverse().asDiagonal() * residuals;
  }

 private:
  /// The problem in the coordinates of an orthonormal basis of the polynomials' values.
  void reduce(Index num_features) {
    const Index d = z_.rows();
    MatrixXd features(z_.cols(), num_features);
    features << z_.transpose(), second_degree(scaled_);
    const Eigen::RowVectorXd mean =
        roots_.cwiseAbs2().transpose() * features / roots_.squaredNorm();
    features = (roots_.asDiagonal() * (features.rowwise() - mean)).eval();
    const Eigen::HouseholderQR<MatrixXd> qr(features);
    basis_ = qr.householderQ() * MatrixXd::Identity(features.rows(), num_features);
    upper_ = qr.matrixQR().topRows(num_features).triangularView<Eigen::Upper>();
    inside_ = basis_.transpose() * values_;
    outside_ = values_ - basis_ * inside_;
    const auto first = upper_.leftCols(d);
    const auto second = upper_.rightCols(num_features - d);
    linear_ = first * first.transpose();
    quadratic_ = second * second.transpose();
  }

  /// C of the coefficients of `second_degree`.
  [[nodiscard]] MatrixXd curvature_of(const VectorXd& coefficients) const {
    const Index d = z_.rows();
    MatrixXd curvature = (std::numbers::sqrt2 * coefficients.head(d)).asDiagonal();
    Index row = d;
    for (Index a = 0; a < d; ++a) {
      for (Index b = a + 1; b < d; ++b) {
        curvature(a, b) = curvature(b, a) = coefficients[row++];
      }
    }
    return curvature;
  }

  void weight_and_centre(MatrixXd& kernel) const {
    kernel = roots_.asDiagonal() * kernel * roots_.asDiagonal();
    const VectorXd left = kernel * unit_;
    const double both = unit_.dot(left);
    kernel.noalias() -= left * unit_.transpose();
    kernel.noalias() -= unit_ * left.transpose();
    kernel.noalias() += both * (unit_ * unit_.transpose());
  }

  double log_likelihood(const Variances& at) {
    MatrixXd kernel = std::exp(at.log_slope) * linear_ + std::exp(at.log_curvature) * quadratic_;
    if (!is_reduced()) {
      // No value has a constant part; as stiff there as elsewhere, rounding errors bring none back.
      const double stiffness = kernel.diagonal().mean();
      constant_ = 1.0 + stiffness;
      kernel.noalias() += stiffness * unit_ * unit_.transpose();
    }
    kernel.diagonal().array() += 1.0;
    factor_.compute(kernel);
    if (factor_.info() != Eigen::Success) {
      return -HUGE_VAL;
    }
    half_ = factor_.matrixL().solve(is_reduced() ? inside_ : values_);
    const auto num_outputs = static_cast<double>(values_.cols());
    const double num_values = static_cast<double>(values_.rows() - 1) * num_outputs;
    const double sum = half_.squaredNorm() + outside_.squaredNorm();
    const double log_determinant =
        2.0 * factor_.matrixLLT().diagonal().array().log().sum() - std::log(constant_);
    residual_variance_ = sum / num_values;
    return restricted_log_likelihood(sum, log_determinant, num_values, num_outputs);
  }

  const MatrixXd& z_;
  const MatrixXd& scaled_;
  const VectorXd& roots_;
  const MatrixXd& values_;
  VectorXd unit_;                // the constant, weighted
  MatrixXd linear_, quadratic_;  // Gram matrices
  MatrixXd basis_, upper_;       // reduced: features = basis * upper
  MatrixXd inside_, outside_;    // reduced: values = basis * inside + outside
  Eigen::LLT<MatrixXd> factor_;
  MatrixXd half_;          // L^-1 values
  double constant_ = 1.0;  // the eigenvalue of the constant
  double residual_variance_ = 0.0;
  double best_log_likelihood_ = 0.0;
};

/// The samples of largest weight, in their order.
std::vector<Index> heaviest(const VectorXd& weights, Index number) {
  std::vector<Index> order(static_cast<std::size_t>(weights.size()));
  for (Index i = 0; i < weights.size(); ++i) {
    order[static_cast<std::size_t>(i)] = i;
  }
  if (number >= weights.size()) {
    return order;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return weights[a] > weights[b]; });
  order.resize(static_cast<std::size_t>(number));
  std::sort(order.begin(), order.end());
  return order;
}

/// Offsets and residuals that go with slopes and curvatures.
void finish(const Samples& samples, Fit& fit) {
  fit.map.offset = VectorXd::Zero(samples.values.rows());
  fit.residuals = samples.values - fit.map.values(samples.z);
  fit.map.offset = fit.residuals * samples.weights / samples.weights.sum();
  fit.residuals.colwise() -= fit.map.offset;
}

/// Curvatures in a symmetric metric as those in z.
void to_z(const MatrixXd& metric, QuadraticMap& map) {
  const Index d = map.dimension();
  for (Index k = 0; k < map.num_functions(); ++k) {
    auto block = map.curvature.middleCols(k * d, d);
    block = (metric * block * metric).eval();
  }
}

/// The variances of the largest restricted likelihood, which comes with them, for curvatures in the
/// metric of `scaled`.
///
/// They are searched for among the points that matter most, then among all; where these are more
/// than a factor for each trial should cost, among more of them.
std::pair<QuadraticFit::Variances, double> choose_variances(const Samples& samples,
                                                            const MatrixXd& scaled,
                                                            const Centred& data,
                                                            QuadraticFit::Variances variances) {
  const auto search_among = [&](Index number, double first_step, double last_step) {
    const std::vector<Index> chosen = heaviest(samples.weights, number);
    const MatrixXd z = samples.z(Eigen::all, chosen);
    const MatrixXd also_scaled = scaled(Eigen::all, chosen);
    const VectorXd weights = samples.weights(chosen);
    const Centred some = centre(z, weights, samples.values(Eigen::all, chosen).transpose());
    QuadraticFit fit(z, also_scaled, some);
    variances = fit.search(variances, first_step, last_step);
    return fit.best_log_likelihood();
  };
  constexpr Index num_first = 200;
  constexpr Index num_second = 500;
  const Index n = samples.z.cols();
  if (n > num_first) {
    search_among(num_first, 4.0, 1.0);
  }
  if (n > num_second && !QuadraticFit::is_reduced(samples.z.rows(), n)) {
    const double log_likelihood = search_among(num_second, 1.0, 0.5);
    return {variances, log_likelihood};
  }
  QuadraticFit all(samples.z, scaled, data);
  variances = all.search(variances, n > num_first ? 1.0 : 4.0, 0.5);
  return {variances, all.best_log_likelihood()};
}

Fit fit_values(const Samples& samples, Degree degree) {
  const Centred data = centre(samples.z, samples.weights, samples.values.transpose());
  const LinearFit linear = fit_linear(data);
  Fit fit;
  fit.map = {.offset = {}, .slope = linear.slope};
  fit.residual_variance = linear.residual_variance;
  fit.slope_variance = linear.slope_variance;
  const double signal = data.values.squaredNorm() / static_cast<double>(data.values.size());
  // An exact fit leaves rounding errors alone.
  const bool is_exact = linear.residual_variance <= 1e-20 * signal;
  MatrixXd left_out = linear.left_out;
  if (degree == Degree::quadratic && !is_exact && samples.z.cols() > 2) {
    const QuadraticFit::Variances start{
        .log_slope = std::min(std::log(linear.slope_variance), 12.0), .log_curvature = 0.0};
    auto [variances, log_likelihood] = choose_variances(samples, samples.z, data, start);
    bool is_scaled = false;
    MatrixXd in_metric;
    if (samples.metric.size() > 0) {
      in_metric = samples.metric * samples.z;
      const auto [others, other_log_likelihood] = choose_variances(samples, in_metric, data, start);
      is_scaled = other_log_likelihood > log_likelihood;
      if (is_scaled) {
        variances = others;
      }
    }
    const MatrixXd& scaled = is_scaled ? in_metric : samples.z;
    QuadraticFit quadratic(samples.z, scaled, data);
    quadratic.take(variances);
    if (quadratic.best_log_likelihood() > linear.log_likelihood) {
      fit.map = quadratic.map(variances);
      if (is_scaled) {
        to_z(samples.metric, fit.map);
      }
      fit.residual_variance = quadratic.residual_variance();
      fit.slope_variance = std::exp(variances.log_slope);
      fit.curvature_variance = std::exp(variances.log_curvature);
      left_out = quadratic.left_out();
    }
  }
  finish(samples, fit);
  fit.left_out = left_out.transpose() * data.roots.cwiseInverse().asDiagonal();
  fit.errors = fit.left_out.cwiseAbs2().colwise().mean();
  return fit;
}

/// The symmetric matrix of the same ridge regression, where `block` is the one that need not be.
///
/// With S = sum w z z^T and S' = S + 1 / ratio it solves S' C + C S' = S' block + (S' block)^T; in
/// the basis of S every entry is a mean of block and its transpose. Half of what fewer samples
/// than directions tell of the others would be lost by the plain mean.
MatrixXd symmetric(const LinearFit& linear, const MatrixXd& block) {
  const double ridge = 1.0 / linear.slope_variance;
  const VectorXd stiffness = linear.squares.array() + ridge;
  const MatrixXd rows = linear.basis.transpose() * block;  // r x d
  MatrixXd inside = stiffness.asDiagonal() * (rows * linear.basis);
  MatrixXd outside = rows - rows * linear.basis * linear.basis.transpose();
  outside.array().colwise() *= stiffness.array() / (stiffness.array() + ridge);
  const MatrixXd sums = stiffness.replicate(1, stiffness.size()) +
                        stiffness.transpose().replicate(stiffness.size(), 1);
  inside = (inside + inside.transpose()).eval().cwiseQuotient(sums);
  const MatrixXd half = linear.basis * (0.5 * inside * linear.basis.transpose() + outside);
  return half + half.transpose();
}

Fit fit_jacobians(const Samples& samples, Degree degree) {
  const Index n = samples.z.cols();
  const Index d = samples.z.rows();
  const Index m = samples.values.rows();
  MatrixXd flat(n, m * d);  // a row per sample: the derivatives of output 0, of output 1, ...
  for (Index i = 0; i < n; ++i) {
    flat.row(i) = samples.jacobians[static_cast<std::size_t>(i)].transpose().reshaped().transpose();
  }
  Fit fit;
  const VectorXd mean = flat.transpose() * samples.weights / samples.weights.sum();
  fit.map.slope = mean.reshaped(d, m);
  fit.slope_variance = HUGE_VAL;  // slopes are not shrunk
  fit.errors = (flat.rowwise() - mean.transpose()).rowwise().squaredNorm() / static_cast<double>(m);
  if (degree == Degree::quadratic && n > 1) {
    const Centred data = centre(samples.z, samples.weights, flat);
    const double signal = data.values.squaredNorm() / static_cast<double>(data.values.size());
    if (signal > 1e-24 * flat.squaredNorm() / static_cast<double>(flat.size())) {
      const LinearFit linear = fit_linear(data);
      const VectorXd middle = samples.z * samples.weights / samples.weights.sum();
      fit.map.curvature.resize(d, d * m);
      for (Index k = 0; k < m; ++k) {
        fit.map.curvature.middleCols(k * d, d) =
            symmetric(linear, linear.slope.middleCols(k * d, d));
        fit.map.slope.col(k) -= fit.map.curvature_of(k) * middle;
      }
      fit.curvature_variance = linear.slope_variance;
      fit.errors = linear.left_out.rowwise().squaredNorm().cwiseQuotient(samples.weights) /
                   static_cast<double>(m);
    }
  }
  finish(samples, fit);
  const double total = samples.weights.sum();
  constexpr double least = 1e-3;  // also of a sample that is alone
  const VectorXd share = (1.0 - samples.weights.array() / total).max(least);
  fit.left_out = fit.residuals * share.cwiseInverse().asDiagonal();
  fit.residual_variance =
      (fit.residuals.cwiseAbs2() * samples.weights).sum() / (total * static_cast<double>(m));
  return fit;
}

}  // namespace

Fit fit_polynomial(const Samples& samples, Degree degree) {
  INVAR_EXPECTS(samples.z.cols() > 0 && samples.weights.size() == samples.z.cols());
  Samples scaled{.z = samples.z,
                 .weights = samples.weights / samples.weights.mean(),
                 .values = samples.values,
                 .jacobians = samples.jacobians,
                 .metric = samples.metric};
  return scaled.jacobians.empty() ? fit_values(scaled, degree) : fit_jacobians(scaled, degree);
}

}  // namespace invar::regression
