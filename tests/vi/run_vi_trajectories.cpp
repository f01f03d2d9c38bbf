// Plays whole runs recorded from the reference implementation, with the normals it drew.
// Usage: run_vi_trajectories FILE; the exit code is 0 when all agree.
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "invar/vi/run_vi.hpp"
#include "vi/recorded_options.hpp"
#include "vi/recording.hpp"

namespace {

using namespace invar;
using namespace invar::vi;
using recording::at;
using recording::Json;
using recording::Worst;

constexpr double tolerance = 1e-9;

/// The tolerance of a case, and why it is not the usual one.
struct Allowance {
  double tolerance;
  const char* reason;
};

Allowance allowance_of(const Json& options) {
  const Json config = options.value("optimizer_config", Json::object());
  if (options.value("optimizer_method", "") == "newton" &&
      config.value("newton_regularization", 1e-2) <= 1e-4) {
    return {1e-8, "eigenvectors of a singular Hessian under a floor of 1e-4 amplify rounding"};
  }
  return {tolerance, ""};
}

/// The method asked for something else than the reference did; the rest cannot be played.
struct Departure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The recorded normals, block by block in the order in which they were drawn.
class RecordedDraws : public DrawSource {
 public:
  explicit RecordedDraws(const Json& blocks) : blocks_(blocks) {}

  Eigen::MatrixXd draw(const DrawBlock& block) override {
    const auto [place, is_new] = order_.try_emplace({block.iteration, block.block}, order_.size());
    if (place->second >= blocks_.size()) {
      throw Departure("more draws were asked for than were recorded");
    }
    Eigen::MatrixXd normals = recording::columns_of(blocks_.at(place->second));
    if (normals.rows() != block.num_dimensions || normals.cols() != block.num_samples) {
      throw Departure("draws of another size were asked for than were recorded");
    }
    return normals;
  }

  [[nodiscard]] std::size_t num_used() const { return order_.size(); }

 private:
  const Json& blocks_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> order_;
};

/// The models of the recordings.
Eigen::VectorXd run_model(const Json& model, const Eigen::VectorXd& theta) {
  const std::string type = at(model, "type").get<std::string>();
  if (type == "linear") {
    const Eigen::MatrixXd matrix = recording::matrix_of(at(model, "matrix"));
    INVAR_EXPECTS(matrix.cols() == theta.size());
    return matrix * theta + recording::vector_of(at(model, "offset"), matrix.rows());
  }
  if (type == "two_exponentials") {
    INVAR_EXPECTS(theta.size() == 4);
    const Eigen::ArrayXd t = recording::vector_of(at(model, "times"));
    return theta[0] * (-theta[1] * t).exp() + theta[2] * (-theta[3] * t).exp();
  }
  throw Error(ErrorKind::data, "expected the model linear or two_exponentials, found " + type);
}

space::Prior gaussian_of(const Json& given) {
  const Eigen::VectorXd mean = recording::vector_of(at(given, "mean"));
  const Eigen::MatrixXd covariance = recording::matrix_of(at(given, "covariance"));
  INVAR_EXPECTS(covariance.rows() == mean.size() && covariance.cols() == mean.size());
  return at(given, "family") == "diagonal"
             ? space::Prior::diagonal(mean, covariance.diagonal().cwiseSqrt())
             : space::Prior::multivariate(mean, covariance);
}

space::Space space_of(const Json& problem, bool has_bounds) {
  const space::Prior prior = gaussian_of(at(problem, "prior"));
  const auto dimension = static_cast<std::size_t>(prior.dimension());
  const space::Bounds bounds =
      has_bounds ? space::Bounds(recording::vector_of(at(at(problem, "bounds"), "min")),
                                 recording::vector_of(at(at(problem, "bounds"), "max")))
                 : space::Bounds::none(prior.dimension());
  return {.names = std::vector<std::string>(dimension, "p"),
          .units = std::vector<std::string>(dimension),
          .prior = prior,
          .bounds = bounds};
}

/// One run beside its recording.
class Play {
 public:
  Play(const Json& problem, const Json& run)
      : problem_(problem), run_(run), method_(make_method()) {}

  Worst compare() {
    const Coordinates first = method_->candidate();
    worst_.compare("initial_mean", first.mean, recording::vector_of(at(run_, "initial_mean")));
    worst_.compare("initial_log_std", first.log_std,
                   recording::vector_of(at(run_, "initial_log_std")));
    evaluate();
    compare_state();
    std::size_t num_tries = 0;
    const Json& tries = at(run_, "tries");
    while (method_->stop_reason() == method::StopReason::none && num_tries < tries.size()) {
      compare_try(tries.at(num_tries++));
    }
    const std::string stop = at(run_, "stop").get<std::string>();
    worst_.compare_text("stop", method::stop_reason_name(method_->stop_reason()), stop);
    worst_.compare_text("number of tries", std::to_string(num_tries), std::to_string(tries.size()));
    worst_.compare_text("number of states", std::to_string(num_states_),
                        std::to_string(at(run_, "states").size()));
    worst_.compare_text("model_evaluations", std::to_string(method_->progress().evaluations),
                        at(run_, "model_evaluations").dump());
    worst_.compare_text("blocks of draws", std::to_string(draws_->num_used()),
                        std::to_string(at(run_, "draws").size()));
    compare_final();
    return worst_;
  }

 private:
  std::unique_ptr<RunVi> make_method() {
    Json given = at(run_, "options");
    const bool has_bounds = given.value("use_bounds", true);
    given.erase("use_bounds");
    std::optional<Start> start;
    if (given.contains("initial") && !given.at("initial").is_null()) {
      start = gaussian_of(given.at("initial"));
    }
    given.erase("initial");
    const RunViOptions options = recording::read_options(given);
    auto draws = std::make_unique<RecordedDraws>(at(run_, "draws"));
    draws_ = draws.get();
    const space::Observations observations{
        .values = recording::vector_of(at(problem_, "observations")),
        .noise = space::Noise::correlated(
            recording::matrix_of(at(problem_, "observations_covariance")))};
    return std::make_unique<RunVi>(space_of(problem_, has_bounds), observations, options, start,
                                   std::move(draws));
  }

  void evaluate() {
    const method::Batch batch = method_->ask();
    method::BatchResult result;
    for (Eigen::Index i = 0; i < batch.points.cols(); ++i) {
      method::Evaluation evaluation;
      evaluation.qois = run_model(at(problem_, "model"), batch.points.col(i));
      evaluation.status =
          evaluation.qois.allFinite() ? method::Status::ok : method::Status::non_finite;
      result.evaluations.push_back(std::move(evaluation));
    }
    method_->tell(result);
  }

  void compare_state() {
    const Json& states = at(run_, "states");
    const std::string prefix = "state " + std::to_string(num_states_) + " ";
    if (num_states_ >= states.size() || !method_->progress().accepted) {
      worst_.compare_text(prefix, "accepted", "not in the recording");
      return;
    }
    const Json& expected = states.at(num_states_++);
    const AcceptedState& found = *method_->progress().accepted;
    worst_.compare(prefix + "elbo", found.merit.elbo.value, at(expected, "elbo"));
    worst_.compare(prefix + "entropy", found.merit.elbo.entropy, at(expected, "entropy"));
    worst_.compare(prefix + "mean_relative_mse", found.merit.relative_mse,
                   at(expected, "mean_relative_mse"));
    worst_.compare(prefix + "gradient_mean", found.gradient.mean,
                   recording::vector_of(at(expected, "gradient_mean")));
    worst_.compare(prefix + "gradient_log_std", found.gradient.log_std,
                   recording::vector_of(at(expected, "gradient_log_std")));
    worst_.compare(prefix + "snr", found.gradient.snr, at(expected, "snr"));
    worst_.compare(prefix + "gradient_norm", found.gradient_norm, at(expected, "gradient_norm"));
    if (expected.contains("mean")) {
      worst_.compare(prefix + "mean", found.coordinates.mean,
                     recording::vector_of(at(expected, "mean")));
      worst_.compare(prefix + "log_std", found.coordinates.log_std,
                     recording::vector_of(at(expected, "log_std")));
    }
  }

  void compare_try(const Json& expected) {
    const std::int64_t evaluations = method_->progress().evaluations;
    const std::string prefix = "try after " + std::to_string(evaluations) + " evaluations ";
    const Coordinates candidate = method_->candidate();
    worst_.compare(prefix + "mean", candidate.mean, recording::vector_of(at(expected, "mean")));
    worst_.compare(prefix + "log_std", candidate.log_std,
                   recording::vector_of(at(expected, "log_std")));
    evaluate();
    const method::RoundDiagnostics told = method_->diagnostics();
    worst_.compare_text(prefix + "num_samples",
                        std::to_string(method_->progress().evaluations - evaluations),
                        at(expected, "num_samples").dump());
    if (expected.contains("elbo")) {
      worst_.compare(prefix + "elbo", told.scalar("elbo"), expected.at("elbo"));
    }
    worst_.compare(prefix + "mean_relative_mse", told.scalar("relative_mse"),
                   at(expected, "mean_relative_mse"));
    const bool is_accepted = told.scalar("accepted") == 1.0;
    worst_.compare_text(prefix + "accepted", is_accepted ? "true" : "false",
                        at(expected, "accepted").dump());
    if (is_accepted) {
      compare_state();
    }
  }

  void compare_final() {
    const Json& expected = at(run_, "final");
    const auto posterior = method_->posterior();
    if (!posterior) {
      worst_.compare_text("final", "none", "a state");
      return;
    }
    worst_.compare("final mean", posterior->optimizer.get<Eigen::VectorXd>("mean"),
                   recording::vector_of(at(expected, "mean")));
    worst_.compare("final std", posterior->optimizer.get<Eigen::VectorXd>("std"),
                   recording::vector_of(at(expected, "std")));
    worst_.compare("final parameter_samples_first_row", posterior->samples.col(0),
                   recording::vector_of(at(expected, "parameter_samples_first_row")));
    worst_.compare("final qois_first_sample", posterior->qois.col(0),
                   recording::vector_of(at(expected, "qois_first_sample")));
  }

  const Json& problem_;
  const Json& run_;
  RecordedDraws* draws_ = nullptr;  // owned by the method
  std::unique_ptr<RunVi> method_;
  Worst worst_;
  std::size_t num_states_ = 0;
};

Worst play(const Json& problem, const Json& run) {
  try {
    return Play(problem, run).compare();
  } catch (const Departure& departure) {
    return {.difference = std::numeric_limits<double>::infinity(), .where = departure.what()};
  }
}

int compare_file(const std::string& path) {
  const Json file = recording::read_json(path);
  int num_failed = 0;
  int num_cases = 0;
  double largest = 0.0;
  std::printf("%-6s %-16s %-24s %12s  %s\n", "case", "problem", "stop", "worst", "quantity");
  for (const Json& run : at(file, "cases")) {
    const std::string name = at(run, "problem").get<std::string>();
    const Worst worst = play(at(at(file, "problems"), name), run);
    const Allowance allowance = allowance_of(at(run, "options"));
    const bool agrees = worst.difference <= allowance.tolerance;
    const bool is_exception = agrees && worst.difference > tolerance;
    ++num_cases;
    num_failed += agrees ? 0 : 1;
    largest = std::max(largest, worst.difference);
    std::printf(
        "%-6s %-16s %-24s %12.2e  %s%s%s\n", at(run, "id").dump().c_str(), name.c_str(),
        at(run, "stop").get<std::string>().c_str(), worst.difference, worst.where.c_str(),
        agrees ? "" : "  DISAGREES",
        is_exception ? (std::string("  allowed ") + "1e-8: " + allowance.reason).c_str() : "");
  }
  std::printf("%d of %d runs agree to %.0e; the worst relative difference is %.2e\n",
              num_cases - num_failed, num_cases, tolerance, largest);
  return num_failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: run_vi_trajectories FILE\n");
    return static_cast<int>(invar::ErrorKind::usage);
  }
  return recording::guarded("run_vi_trajectories", [&] { return compare_file(argv[1]); });
}
