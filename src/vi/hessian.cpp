#include "invar/core/error.hpp"
#include "invar/vi/estimator.hpp"
#include "vi/baseline.hpp"

namespace invar::vi {
namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Averages over samples of the matrices K_i = s_i s_i^T + d^2 log q(x_i) and of their entries'
/// squares, lower triangles; P = R^-1:
///   mean, mean:        s_mj s_mk - P_jk / (std_j std_k)
///   log_std, log_std:  s_lj s_lk - P_jk e_j e_k - [j = k] e_j a_j
///   log_std k, mean j: s_lk s_mj - P_jk e_k / std_j - [j = k] s_mj
class ScoreMatrices {
 public:
  ScoreMatrices(const Family& family, const Standardized& points)
      : dimension_(family.dimension()),
        is_correlated_(family.is_correlated()),
        e_(points.e),
        a_(points.a),
        inverse_std_(points.std.array().inverse()),
        precision_(family.inverse_correlation()),
        scores_(2 * dimension_, points.e.cols()) {
    scores_.topRows(dimension_) = inverse_std_.matrix().asDiagonal() * a_;
    scores_.bottomRows(dimension_) = (e_.array() * a_.array() - 1.0).matrix();
  }

  /// mean_i w_i K_i.
  [[nodiscard]] MatrixXd mean(const VectorXd& w) const {
    MatrixXd k = symmetric_product(scores_, w);
    auto means = k.topLeftCorner(dimension_, dimension_);
    auto log_stds = k.bottomRightCorner(dimension_, dimension_);
    auto mixed = k.bottomLeftCorner(dimension_, dimension_);
    const ArrayXd mean_e = average(e_, w);
    if (is_correlated_) {
      means.array() -= w.mean() * scaled_precision();
      log_stds.array() -= precision_.array() * symmetric_product(e_, w).array();
      mixed -= mean_e.matrix().asDiagonal() * precision_ * inverse_std_.matrix().asDiagonal();
    } else {
      means.diagonal().array() -= w.mean() * inverse_std_.square();
      log_stds.diagonal().array() -= average(e_.cwiseAbs2(), w);
      mixed.diagonal().array() -= mean_e * inverse_std_;
    }
    log_stds.diagonal().array() -= average(e_.cwiseProduct(a_), w);
    mixed.diagonal().array() -= average(scores_.topRows(dimension_), w);
    return k;
  }

  /// mean_i w_i K_i^2, entry by entry; the squares of sums are multiplied out.
  [[nodiscard]] MatrixXd mean_square(const VectorXd& w) const {
    const MatrixXd squares = scores_.cwiseAbs2();
    MatrixXd k = symmetric_product(squares, w);
    if (is_correlated_) {
      const auto means = scores_.topRows(dimension_);
      const MatrixXd score_e = scores_.bottomRows(dimension_).cwiseProduct(e_);
      const ArrayXXd p = scaled_precision();
      const ArrayXXd half = precision_ * inverse_std_.matrix().asDiagonal();
      k.topLeftCorner(dimension_, dimension_).array() +=
          p.square() * w.mean() - 2.0 * p * symmetric_product(means, w).array();
      k.bottomRightCorner(dimension_, dimension_).array() +=
          precision_.array().square() * symmetric_product(e_.cwiseAbs2(), w).array() -
          2.0 * precision_.array() * symmetric_product(score_e, w).array();
      k.bottomLeftCorner(dimension_, dimension_).array() +=
          half.square().colwise() * average(e_.cwiseAbs2(), w) -
          2.0 * half * (scaled(score_e, w) * means.transpose()).array();
    }
    set_diagonals_of_squares(k, w);
    return k;
  }

 private:
  /// The diagonals of all four blocks have more terms, and are summed directly.
  void set_diagonals_of_squares(MatrixXd& k, const VectorXd& w) const {
    const auto num_samples = static_cast<double>(w.size());
    for (Index j = 0; j < dimension_; ++j) {
      const ArrayXd e = e_.row(j);
      const ArrayXd m = scores_.row(j);
      const ArrayXd l = scores_.row(dimension_ + j);
      const double p = precision_(j, j);
      const double r = inverse_std_[j];
      k(j, j) = ((m.square() - p * r * r).square() * w.array()).sum() / num_samples;
      k(dimension_ + j, dimension_ + j) =
          ((l.square() - p * e.square() - (l + 1.0)).square() * w.array()).sum() / num_samples;
      k(dimension_ + j, j) = ((l * m - p * r * e - m).square() * w.array()).sum() / num_samples;
    }
  }

  [[nodiscard]] ArrayXXd scaled_precision() const {
    return inverse_std_.matrix().asDiagonal() * precision_ * inverse_std_.matrix().asDiagonal();
  }

  static MatrixXd scaled(const MatrixXd& rows, const VectorXd& w) {
    return rows * (w / static_cast<double>(w.size())).asDiagonal();
  }

  static ArrayXd average(const MatrixXd& rows, const VectorXd& w) {
    return rows * (w / static_cast<double>(w.size()));
  }

  /// The lower triangle of mean_i w_i r_i r_i^T; zeros above.
  static MatrixXd symmetric_product(const MatrixXd& rows, const VectorXd& w) {
    MatrixXd product = MatrixXd::Zero(rows.rows(), rows.rows());
    product.triangularView<Eigen::Lower>() = scaled(rows, w) * rows.transpose();
    return product;
  }

  Index dimension_;
  bool is_correlated_;
  const MatrixXd& e_;
  const MatrixXd& a_;
  ArrayXd inverse_std_;
  MatrixXd precision_;
  MatrixXd scores_;
};

}  // namespace

MatrixXd estimate_hessian(const Family& family, const Standardized& points, const VectorXd& f,
                          BaselineMethod baseline) {
  INVAR_EXPECTS(f.size() >= 2 && points.e.cols() == f.size());
  const ScoreMatrices matrices(family, points);
  MatrixXd hessian = matrices.mean(weights_of(f, baseline));
  if (baseline == BaselineMethod::optimal) {
    const VectorXd ones = VectorXd::Ones(f.size());
    const ArrayXXd below = matrices.mean_square(ones);
    const ArrayXXd b = (below == 0.0).select(0.0, matrices.mean_square(f).array() / below);
    hessian.array() -= b * matrices.mean(ones).array();
  }
  hessian = MatrixXd(hessian.selfadjointView<Eigen::Lower>());
  return hessian.array().isFinite().select(hessian, 0.0);
}

}  // namespace invar::vi
