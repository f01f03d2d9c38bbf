#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"

namespace invar::store {

/// Log densities of evaluations: N entries each.
struct Scores {
  Eigen::VectorXd log_likelihood;
  Eigen::VectorXd log_prior;
};

/// Scores evaluations when campaign.h5 is packed.
///
/// Shapes: points d x N, qois m x N (NaN where a run gave none; the store ignores the
///         log-likelihood of runs that are not ok).
using Scorer = std::function<Scores(const Eigen::MatrixXd& points, const Eigen::MatrixXd& qois)>;

/// What campaign.h5 says beside the evaluations and rounds, which the store has.
///
/// Shapes: as in Space (d), Observations (m) and Posterior.
/// Units:  `qoi_unit` of QoIs and observations; parameters have those of the space.
struct View {
  using Attribute = std::variant<std::int64_t, double, std::string>;

  std::vector<std::pair<std::string, Attribute>> attributes;  // invar_version, host, seed, study, …
  space::Space space;
  space::Observations observations;
  std::string qoi_unit;
  std::optional<method::Posterior> posterior;
  Scorer scorer;
};

/// campaign.h5, read back: all but its tables of evaluations, rounds and derivatives.
///
/// Shapes: as in View; sample_ids N.
struct StoredView {
  View view;                             // with a posterior, without a scorer
  std::vector<std::int64_t> sample_ids;  // of the evaluations that the samples of the posterior
                                         // are: those at the same point, to the bit; else -1
};

/// Reads campaign.h5 without the campaign's lock; it may be running.
///
/// MPI:  Manager only.
/// Cost: memory for the posterior and all evaluated points.
///
/// @throws Error(no_input)  when the directory is not a campaign, or has no posterior yet
/// @throws Error(data)      when campaign.h5 is damaged
/// @throws Error(io)        when it cannot be read
StoredView read_view(const std::filesystem::path& directory);

}  // namespace invar::store
