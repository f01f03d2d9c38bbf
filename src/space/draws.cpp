#include "invar/space/draws.hpp"

#include <numeric>

#include <Eigen/Cholesky>

#include "invar/core/error.hpp"
#include "invar/linalg/spectral.hpp"

namespace invar::space {
namespace {

constexpr std::uint32_t most_attempts = 1000;

Eigen::MatrixXd draw_unbounded(const Prior& prior, const core::StreamKey& key,
                               Eigen::Index num_draws) {
  Eigen::MatrixXd draws = core::standard_normals(key, prior.dimension(), num_draws);
  if (prior.family() == GaussianFamily::diagonal) {
    draws = prior.std().asDiagonal() * draws;
  } else {
    draws = prior.covariance().llt().matrixL() * draws;
  }
  return draws.colwise() + prior.mean();
}

}  // namespace

std::optional<Eigen::MatrixXd> draw_prior(const Space& space, core::StreamKey key,
                                          Eigen::Index num_draws) {
  const bool is_independent = space.prior.family() == GaussianFamily::diagonal;
  key.block = 0;
  Eigen::MatrixXd draws = draw_unbounded(space.prior, key, num_draws);
  while (true) {
    const Eigen::MatrixXd inside = space.bounds.clip(draws);
    if (draws == inside) {
      return draws;
    }
    if (++key.block == most_attempts) {
      return std::nullopt;
    }
    const Eigen::MatrixXd more = draw_unbounded(space.prior, key, num_draws);
    if (is_independent) {
      draws = (draws.array() == inside.array()).select(draws, more);
      continue;
    }
    for (Eigen::Index i = 0; i < num_draws; ++i) {
      if (draws.col(i) != inside.col(i)) {
        draws.col(i) = more.col(i);
      }
    }
  }
}

Eigen::MatrixXd draw_noise(const Noise& noise, double covariance_regularization,
                           const core::StreamKey& key, Eigen::Index num_draws) {
  const Eigen::MatrixXd normals = core::standard_normals(key, noise.size(), num_draws);
  if (noise.is_independent()) {
    const Eigen::VectorXd std = (noise.variances().array() + covariance_regularization).sqrt();
    return std.asDiagonal() * normals;
  }
  // By eigenvalues, because the covariance may be singular.
  const linalg::Spectrum spectrum = linalg::spectrum(noise.covariance());
  const Eigen::VectorXd std =
      (spectrum.values.array() + covariance_regularization).cwiseMax(0.0).sqrt();
  return spectrum.vectors * (std.asDiagonal() * normals);
}

std::vector<Eigen::Index> resample(const Eigen::VectorXd& weights, const core::StreamKey& key,
                                   Eigen::Index num_draws) {
  INVAR_EXPECTS(weights.size() > 0);
  const double offset = (core::random_bits(key, 0, 0)[0] + 0.5) * 0x1p-32;  // in (0, 1)
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  INVAR_EXPECTS(total > 0.0);
  std::vector<Eigen::Index> chosen;
  chosen.reserve(static_cast<std::size_t>(num_draws));
  Eigen::Index item = 0;
  double cumulated = weights[0];
  for (Eigen::Index i = 0; i < num_draws; ++i) {
    const double position =
        total * ((static_cast<double>(i) + offset) / static_cast<double>(num_draws));
    while (position >= cumulated && item + 1 < weights.size()) {
      cumulated += weights[++item];
    }
    chosen.push_back(item);
  }
  return chosen;
}

}  // namespace invar::space
