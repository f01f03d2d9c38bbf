#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "invar/evaluation/options.hpp"
#include "invar/model/model.hpp"
#include "invar/options/reader.hpp"
#include "invar/regression/regression_vi_options.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"
#include "invar/vi/run_vi_options.hpp"

namespace invar::campaign {

/// Keys of `campaign:`.
struct CampaignOptions {
  std::string directory = "campaign";  // relative to the study file
  int restart_files_to_keep = 10;
  double segment_seconds = 5.0;  // a segment closes after a round once it is this old
  double segment_megabytes = 16.0;
  double fsync_interval_s = 0.2;  // how old answers may get before a power failure spares them
};

/// Where a model runs: `model.isolation`.
enum class Isolation {
  none,     // in the ranks of its group
  process,  // in a process of its own beside its rank
};

/// How the posterior is found: `inference.method`.
enum class InferenceMethod { run_vi, regression_vi };

/// Where the variational distribution starts: `inference.initial`.
struct InitialOptions {
  std::optional<space::Prior> distribution;  // given by mean and std or covariance
  std::optional<std::string> from;           // branch: a campaign, or a restart file
  std::optional<std::int64_t> from_round;    // its newest when not given
};                                           // neither: the prior

/// A study: typed, validated, every value knows where it came from.
///
/// MPI: Local; all ranks read the same bytes.
struct Study {
  std::string title;
  space::Space space;
  space::Observations observations;
  std::string model_type;
  model::ModelFactory make_model;
  bool model_keeps_timeout = false;              // nobody else has to
  std::vector<std::string> harmless_model_keys;  // of `model:`, without a part in the answers
  Isolation isolation = Isolation::none;         // for whoever hands out `make_model`
  InferenceMethod method = InferenceMethod::run_vi;
  vi::RunViOptions run_vi;                        // of that method
  regression::RegressionViOptions regression_vi;  // of that method
  InitialOptions initial;
  std::vector<std::string> reuse;  // campaigns whose runs count too; in a campaign their copies
  evaluation::EvaluationOptions evaluation;
  CampaignOptions campaign;
  std::string petsc;       // options as on PETSc's command line
  options::Node resolved;  // every key with its value and origin; files by the name of their copy

  [[nodiscard]] std::uint64_t random_seed() const {
    return method == InferenceMethod::run_vi ? run_vi.random_seed : regression_vi.random_seed;
  }
  /// Added to every noise variance.
  [[nodiscard]] double covariance_regularization() const {
    return method == InferenceMethod::run_vi ? run_vi.covariance_regularization : 0.0;
  }
};

/// Reads a study.
///
/// @param root      the parsed file, overrides already applied
/// @param files     answers for the files it names
/// @param registry  the model types of this program
/// @throws Error(config, data, no_input)  listing every problem with its place
Study read_study(const options::Node& root, options::Files& files,
                 const model::ModelRegistry& registry);

/// Every key a study may have, in the order of a study file, for `invar explain` and the README.
std::vector<options::Description> describe_study(const model::ModelRegistry& registry);

}  // namespace invar::campaign
