#pragma once

#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/campaign/study.hpp"
#include "invar/options/table.hpp"

// The blocks of a study while it is read: each a struct with its table. A block is filled as far as
// its part of the file is right, so that the blocks after it are still checked.
namespace invar::campaign {

/// `parameters`.
struct ParametersBlock {
  std::vector<std::string> names;
  std::vector<std::string> units;
  space::GaussianFamily family = space::GaussianFamily::diagonal;  // of the prior, right or wrong
  std::optional<space::Prior> prior;
  std::optional<space::Bounds> bounds;

  /// -1 when the names are wrong.
  [[nodiscard]] Eigen::Index dimension() const {
    return names.empty() ? -1 : static_cast<Eigen::Index>(names.size());
  }
};

const options::Table<ParametersBlock>& parameters_table();

/// `observations`.
struct ObservationsBlock {
  std::optional<Eigen::VectorXd> values;
  std::optional<space::Noise> noise;
};

const options::Table<ObservationsBlock>& observations_table();

/// `inference`.
struct InferenceBlock {
  InferenceMethod method = InferenceMethod::run_vi;
  vi::RunViOptions run_vi;
  regression::RegressionViOptions regression_vi;
  InitialOptions initial;
  std::vector<std::string> reuse;
};

/// Reads `inference` with all its checks; gives what was resolved.
options::Node read_inference(const options::Cursor& at, const ParametersBlock& parameters,
                             InferenceBlock& target);

/// The keys of `inference`, relative to it.
std::vector<options::Description> describe_inference();

const options::Table<CampaignOptions>& campaign_table();

/// A covariance as variances alone or as a matrix.
struct Covariance {
  Eigen::VectorXd variances;  // empty when it is a matrix
  Eigen::MatrixXd matrix;     // empty when it is variances

  [[nodiscard]] Eigen::MatrixXd full() const {
    return matrix.size() > 0 ? matrix : Eigen::MatrixXd(variances.asDiagonal());
  }
};

/// Reads the `mean` of a Gaussian block that knows its `dimension`.
template <class Block>
options::Node read_mean(const options::Cursor& at, Block& target) {
  const auto array = options::read_array(at);
  if (array) {
    target.mean = options::as_vector(at, *array, target.dimension);
  }
  return array ? array->resolved : options::Node{};
}

/// Reads standard deviations: one for all or one per component, all positive.
std::optional<Eigen::VectorXd> read_std(const options::Cursor& at, Eigen::Index size,
                                        ErrorKind kind, options::Node& resolved);

/// Reads a covariance: a number (the common variance), one variance per component, a matrix, those
/// from a file, or `{std: ...}` with a number or one standard deviation per component.
///
/// @param size      number of components, or -1 when it is not known
/// @param kind      of wrong numbers and shapes
/// @param resolved  what the campaign stores
std::optional<Covariance> read_covariance(const options::Cursor& at, Eigen::Index size,
                                          ErrorKind kind, options::Node& resolved);

}  // namespace invar::campaign
