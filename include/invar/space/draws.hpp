#pragma once

#include <optional>
#include <vector>

#include <Eigen/Core>

#include "invar/core/random.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"

namespace invar::space {

/// Independent draws from the prior restricted to the bounds.
///
/// What falls outside is drawn again, as often as it takes: a component by itself where components
/// are independent, else the whole draw.
///
/// Shapes: result d x num_draws.
/// MPI:    Local.
/// Cost:   num_draws d normals (d^2 with correlation) over the prior's probability of the bounds.
///
/// @param key  its block counts the attempts
/// @return     nothing when draws are outside after 1000 attempts: the bounds have hardly any of
/// the
///             prior's probability
std::optional<Eigen::MatrixXd> draw_prior(const Space& space, core::StreamKey key,
                                          Eigen::Index num_draws);

/// Independent draws of the measurement noise, N(0, Gamma + eps I).
///
/// Shapes: result m x num_draws.
/// MPI:    Local.
/// Cost:   O(m num_draws) for independent noise, else O(m^3 + m^2 num_draws).
Eigen::MatrixXd draw_noise(const Noise& noise, double covariance_regularization,
                           const core::StreamKey& key, Eigen::Index num_draws);

/// Systematic resampling: indices of weighted items, ascending, so that item i comes
/// num_draws w_i / sum w times, rounded up or down. Equal weights and as many draws as items: every
/// item once.
///
/// Source: Kitagawa 1996, Monte Carlo filter and smoother for non-Gaussian nonlinear state space
///         models, doi:10.2307/1390750.
/// Shapes: weights N; result num_draws.
/// MPI:    Local.
///
/// @pre  weights are not negative, and one is positive
std::vector<Eigen::Index> resample(const Eigen::VectorXd& weights, const core::StreamKey& key,
                                   Eigen::Index num_draws);

}  // namespace invar::space
