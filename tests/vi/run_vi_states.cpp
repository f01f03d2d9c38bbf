// Compares the estimators with single states recorded from the reference implementation.
// Usage: run_vi_states FILE; the exit code is 0 when all agree.
#include <cstdio>
#include <string>

#include <Eigen/Cholesky>

#include "invar/vi/directions.hpp"
#include "invar/vi/target.hpp"
#include "vi/recorded_options.hpp"
#include "vi/recording.hpp"

namespace {

using namespace invar;
using namespace invar::vi;
using recording::at;
using recording::Json;

constexpr double tolerance = 1e-9;

/// The inputs that all states share.
struct Inputs {
  explicit Inputs(const Json& file)
      : normals(recording::columns_of(at(file, "z"))),
        model(recording::matrix_of(at(file, "G"))),
        coordinates{.mean = recording::vector_of(at(file, "mu")),
                    .log_std = recording::vector_of(at(file, "sigma")).array().log()},
        space{.names = std::vector<std::string>(static_cast<std::size_t>(model.cols()), "p"),
              .units = {},
              .prior = space::Prior::diagonal(recording::vector_of(at(file, "prior_mean")),
                                              prior_variances(file).cwiseSqrt()),
              .bounds = space::Bounds(recording::vector_of(at(file, "lower")),
                                      recording::vector_of(at(file, "upper")))},
        observations{.values = recording::vector_of(at(file, "y")),
                     .noise = space::Noise::correlated(recording::matrix_of(at(file, "obs_cov")))},
        correlation(at(file, "correlation").get<double>()) {
    INVAR_EXPECTS(normals.rows() == model.cols() && coordinates.mean.size() == model.cols() &&
                  coordinates.log_std.size() == model.cols() && space.dimension() == model.cols() &&
                  observations.values.size() == model.rows());
  }

  static Eigen::VectorXd prior_variances(const Json& file) {
    const Json& given = at(file, "prior_var");
    return given.at(0).is_array() ? recording::matrix_of(given).diagonal()
                                  : recording::vector_of(given);
  }

  Eigen::MatrixXd normals;
  Eigen::MatrixXd model;
  Coordinates coordinates;
  space::Space space;
  space::Observations observations;
  double correlation;
};

Family family_of(const Inputs& inputs, const std::string& name) {
  const Eigen::Index dimension = inputs.space.dimension();
  if (name == "diag") {
    return Family::diagonal(dimension);
  }
  if (name != "corr") {
    throw Error(ErrorKind::data, "expected the family diag or corr, found " + name);
  }
  Eigen::MatrixXd correlation = Eigen::MatrixXd::Constant(dimension, dimension, inputs.correlation);
  correlation.diagonal().setOnes();
  return Family::correlated(Eigen::LLT<Eigen::MatrixXd>(correlation).matrixL());
}

/// The options of a state in the form of a study.
RunViOptions options_of(const Json& file, const Json& state) {
  return recording::read_options(
      {{"sample_size", at(file, "z").size()},
       {"covariance_regularization", at(file, "covariance_regularization")},
       {"elbo_scaling_factor", at(file, "elbo_scaling")},
       {"baseline_method", at(state, "baseline")},
       {"bounded_parameter_handling", at(state, "bounds")},
       {"transform_map", at(state, "map")},
       {"transform_interior_margin", at(file, "margin")}});
}

recording::Worst compare_state(const Inputs& inputs, const Json& file, const Json& state) {
  const RunViOptions options = options_of(file, state);
  const Family family = family_of(inputs, at(state, "family").get<std::string>());
  const Target target(inputs.space, inputs.observations, options);
  const Points points = target.place(family.points(inputs.coordinates, inputs.normals));
  const Eigen::MatrixXd qois = inputs.model * points.physical;
  const LogDensities densities = target.log_densities(points, qois);
  const Eigen::VectorXd f = target.scale() * densities.sum();
  const ElboEstimate elbo = estimate_elbo(f, target.scale() * family.entropy(inputs.coordinates));
  const Standardized standardized = family.standardize(inputs.coordinates, points.x);
  const GradientEstimate gradient =
      estimate_gradient(standardized, f, options.baseline_method, target.scale());
  const Eigen::MatrixXd hessian =
      estimate_hessian(family, standardized, f, options.baseline_method);

  recording::Worst worst;
  const auto compare_vector = [&](const std::string& key, const Eigen::VectorXd& found) {
    worst.compare(key, found, recording::vector_of(at(state, key)));
  };
  worst.compare("elbo", elbo.value, at(state, "elbo"));
  worst.compare("entropy", elbo.entropy, at(state, "entropy"));
  worst.compare("mean_relative_mse", target.relative_mse(qois), at(state, "mean_relative_mse"));
  worst.compare("gradient_signal_to_noise_ratio", gradient.snr,
                at(state, "gradient_signal_to_noise_ratio"));
  compare_vector("log_likelihoods", densities.log_likelihood);
  compare_vector("log_priors", densities.log_prior);
  compare_vector("log_transform_jacobian", densities.log_jacobian);
  compare_vector("gradient_mean", gradient.mean);
  compare_vector("gradient_log_std", gradient.log_std);
  worst.compare("hessian_full", hessian, recording::matrix_of(at(state, "hessian_full")));
  const Eigen::VectorXd std = inputs.coordinates.std();
  const Direction natural = update_direction(gradient, std, GradientMethod::natural);
  compare_vector("update_direction_mean", natural.mean);
  compare_vector("update_direction_log_std", natural.log_std);
  for (const char* metric : {"standard", "natural"}) {
    for (const char* type : {"diagonal", "full"}) {
      const RunViOptions newton = recording::read_options(
          {{"optimizer_method", "newton"},
           {"optimizer_config", {{"newton_metric", metric}, {"newton_hessian_type", type}}}});
      const Direction direction = newton_direction(
          gradient, hessian, std, std::get<VINewtonOptimizerConfig>(newton.optimizer_config));
      Eigen::VectorXd both(2 * std.size());
      both << direction.mean, direction.log_std;
      compare_vector(std::string("newton_") + metric + "_" + type, both);
    }
  }
  return worst;
}

int compare_file(const std::string& path) {
  const Json file = recording::read_json(path);
  const Inputs inputs(file);
  int num_failed = 0;
  double largest = 0.0;
  std::printf("%-7s %-8s %-10s %-8s %12s  %s\n", "family", "baseline", "bounds", "map", "worst",
              "quantity");
  for (const Json& state : at(file, "states")) {
    const recording::Worst worst = compare_state(inputs, file, state);
    const bool agrees = worst.difference <= tolerance;
    num_failed += agrees ? 0 : 1;
    largest = std::max(largest, worst.difference);
    std::printf(
        "%-7s %-8s %-10s %-8s %12.2e  %s%s\n", at(state, "family").get<std::string>().c_str(),
        at(state, "baseline").get<std::string>().c_str(),
        at(state, "bounds").get<std::string>().c_str(), at(state, "map").get<std::string>().c_str(),
        worst.difference, worst.where.c_str(), agrees ? "" : "  DISAGREES");
  }
  const auto num_states = static_cast<int>(at(file, "states").size());
  std::printf("%d of %d states agree to %.0e; the worst relative difference is %.2e\n",
              num_states - num_failed, num_states, tolerance, largest);
  return num_failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: run_vi_states FILE\n");
    return static_cast<int>(invar::ErrorKind::usage);
  }
  return recording::guarded("run_vi_states", [&] { return compare_file(argv[1]); });
}
