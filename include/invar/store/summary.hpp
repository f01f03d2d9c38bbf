#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/state.hpp"

namespace invar::store {

/// The posterior as campaign.h5 has it.
///
/// Shapes: d names, units, mean, std; covariance d x d.
/// Units:  those of the parameters; ELBO in nats.
struct PosteriorSummary {
  std::vector<std::string> names;
  std::vector<std::string> units;
  Eigen::VectorXd mean;
  Eigen::VectorXd std;
  Eigen::MatrixXd covariance;
  double elbo = 0.0;
  double elbo_standard_error = 0.0;
  double normalised_elbo = 0.0;       // a lower bound of the log evidence
  method::State diagnostics;          // how good the answer is; empty where the method does not say
  std::vector<std::string> findings;  // the same in plain words
};

/// A campaign as it stands on disk.
struct CampaignSummary {
  std::optional<std::string> status_json;     // status.json
  bool is_open = false;                       // a program has it now
  std::int64_t num_rounds = 0;                // told
  std::int64_t num_evaluations = 0;           // recorded, those in the journal included
  std::int64_t num_failed = 0;                // of them
  std::int64_t num_journalled = 0;            // of them, not yet in a closed segment
  std::int64_t num_ran_ahead = 0;             // runs that began before they were asked for
  std::int64_t num_asked_later = 0;           // of them; the others are no evaluations
  std::optional<PosteriorSummary> posterior;  // when campaign.h5 has one
  std::vector<std::string> notes;             // files that could not be read, and why
};

/// Looks at a campaign without its lock; it may be running.
///
/// MPI:  Manager only.
/// Cost: the journal, campaign.h5 and 512 bytes of every history segment are read.
///
/// @throws Error(no_input)  when the directory is not a campaign
/// Failure: a file that is damaged is left out and named in `notes`
CampaignSummary read_summary(const std::filesystem::path& directory);

}  // namespace invar::store
