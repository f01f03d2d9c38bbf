#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/regression/gauss_newton.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/regression/importance.hpp"
#include "invar/regression/prior_expectation.hpp"
#include "invar/regression/regression_vi_options.hpp"
#include "invar/regression/runs.hpp"
#include "invar/regression/surrogate.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"
#include "invar/vi/moments.hpp"

namespace invar::regression {

/// Where the ascent from one start stands.
struct Climb {
  Gaussian q;
  std::optional<Gaussian> before = {};  // q before the last step
  double promised_gain = 0.0;           // of that step, by the fit that made it
  double radius = 0.0;                  // of the trust region, nats
  int num_full_steps = 0;               // in a row that the trust region did not limit
  int num_accurate = 0;                 // rounds in a row that met the accuracy
  double elbo = 0.0;                    // of q before the last step, constants in
  double elbo_error = 0.0;
  double misfit = 0.0;  // mean of |r|^2 there

  /// So many rounds in a row settle it, or make its answer accurate.
  static constexpr int enough_rounds = 2;
  [[nodiscard]] bool is_accurate() const { return num_accurate >= enough_rounds; }
  [[nodiscard]] bool has_settled() const {
    return num_full_steps >= enough_rounds || is_accurate();
  }
};

/// A distribution in physical coordinates, or a Gaussian in those of the method.
using Start = std::variant<space::Prior, Gaussian>;

/// The Gaussian of a saved state of `regression_vi`, to start from.
/// @throws Error(data)    when the state is of another method
/// @throws Error(config)  when it does not fit the space
Gaussian branch_start(const method::State& state, const space::Space& space,
                      const RegressionViOptions& options);

/// What the next batch is for.
enum class Stage { exploring, gauss_newton, climbing, correcting };

/// Variational inference by regression: the best Gaussian from few runs.
///
/// The runs so far are fitted where the Gaussian is (`fit_surrogate`), the ELBO of the fit is
/// maximised within a trust region (`ascend`), the next batch is drawn at the new Gaussian. All
/// runs stay in use, but for those of a Gauss-Newton search. First the start itself is sampled,
/// until the fit explains the runs or `first_sample_size` are there; with Jacobians a Gauss-Newton
/// search takes the place of most of that. A climb that settles where the misfit is larger than the
/// noise explains makes way for one from another start, up to `starts`. An accurate answer whose
/// posterior is no Gaussian is followed by batches from wider ones, as long as they help the
/// weights of the runs to say how it differs.
///
/// Failed runs are left out and counted. A batch without a good run is repeated with other draws,
/// up to three times in a row; then the method stops (`too_many_failures`).
///
/// Source: Salimans & Knowles 2013, doi:10.1214/13-BA858 (regression is natural-gradient ascent);
///         Khan & Rue 2023, The Bayesian learning rule, JMLR 24(281).
/// Shapes: d parameters, m QoIs.
/// MPI:    Local.
/// Cost:   of a round: the fits, `fit_polynomial`, and some dozen ascent steps of O(d^3 m).
class RegressionVi : public method::Method {
 public:
  /// @param start         where the first runs are drawn; the prior when not given
  /// @param has_jacobians whether the model gives them
  /// @throws Error(config)  when an option is out of its range
  RegressionVi(const space::Space& space, const space::Observations& observations,
               const RegressionViOptions& options, const std::optional<Start>& start = std::nullopt,
               bool has_jacobians = false);

  method::Batch ask() override;
  void tell(const method::BatchResult& result) override;
  [[nodiscard]] method::RoundDiagnostics diagnostics() const override { return diagnostics_; }
  [[nodiscard]] method::StopReason stop_reason() const override { return stop_; }
  [[nodiscard]] std::optional<method::Posterior> posterior() const override;
  /// O(B d^2) for B batches: the runs themselves come from the record.
  [[nodiscard]] method::State state() const override;
  [[nodiscard]] bool needs_record() const override { return true; }
  void recall(const method::RecordedRounds& rounds) override { recalled_ = rounds; }
  void restore(const method::State& state) override;
  [[nodiscard]] bool has_target_of(const method::State& state) const override;

  /// All runs are scored anew; the best climb goes on where it stands, others are forgotten.
  void rescore(const method::State& state, std::int64_t num_given_up) override;

  /// Pareto k of weights beyond which they do not say what the moments are.
  static constexpr double most_k = 0.7;

  /// The good runs with their weights.
  struct WeighedRuns {
    Eigen::MatrixXd points;       // d x n, physical
    Eigen::VectorXd log_weights;  // n: target over the mixture that they were drawn from, the
                                  // likelihood without its constant
    double num_drawn = 0.0;       // the good ones and those that came to nothing
    std::int64_t num_rounds = 0;  // that they are of
  };
  [[nodiscard]] WeighedRuns weighed_runs() const;

  /// The Gaussian that is the answer so far, in the coordinates of the method.
  /// @pre has_best()
  [[nodiscard]] const Gaussian& best() const { return climbs_[best_climb()].q; }
  [[nodiscard]] bool has_best() const { return !climbs_.empty(); }
  [[nodiscard]] std::int64_t num_evaluations() const { return num_evaluations_; }

 private:
  struct Sizes {
    Eigen::Index first = 0;      // of the first batch
    Eigen::Index most = 0;       // drawn from the start in all
    Eigen::Index usual = 0;      // of a batch
    Eigen::Index unsettled = 0;  // of a batch of a climb that has not settled
    Eigen::Index checks = 0;     // of a batch that only confirms an exact fit
    int starts = 1;
  };

  /// A finished round, as the diagnostics tell it.
  struct Round {
    Eigen::Index num_asked;
    Eigen::Index num_kept;
    const Gaussian& drawn_from;
    bool is_rescoring = false;
  };

  /// All runs as weighted draws of the posterior.
  struct Importance {
    SmoothedWeights smoothed;
    double log_evidence = 0.0;
  };

  struct Told {
    Eigen::MatrixXd x, qois, residuals;
    std::vector<Eigen::MatrixXd> jacobians;
    std::vector<std::string> messages;
  };

  [[nodiscard]] Sizes sizes() const;
  [[nodiscard]] Gaussian proposal() const;
  [[nodiscard]] Eigen::MatrixXd draws(std::int64_t round, Eigen::Index number) const;
  [[nodiscard]] Told take(const Eigen::MatrixXd& x, const method::BatchResult& result) const;
  [[nodiscard]] Objective objective(const Gaussian& base, const Surrogate& surrogate) const;
  [[nodiscard]] std::size_t best_climb() const;
  [[nodiscard]] Climb scored(Climb climb) const;
  [[nodiscard]] Eigen::VectorXd log_posteriors() const;
  [[nodiscard]] bool is_misfit_bad(double misfit) const;
  [[nodiscard]] bool is_near_another(const Climb& climb) const;
  [[nodiscard]] double error_by_halves(const Gaussian& base, const Gaussian& q,
                                       const SurrogateOptions& fitted) const;
  [[nodiscard]] double widest_radius() const;
  void add_runs(std::int64_t round, const Gaussian& drawn_from, Eigen::Index num_drawn, Told& told);
  void explore();
  void search(const Told& told);
  void climb();
  void begin_climb(const Gaussian& q, double radius);
  void begin_from_run();
  void check_limits();
  void begin_climb_after_search();
  [[nodiscard]] bool is_far_from_gaussian() const;
  void begin_correction();
  void correct(Eigen::Index num_kept);
  [[nodiscard]] static bool has_enough(const SmoothedWeights& weights);
  [[nodiscard]] Gaussian correcting_proposal() const;
  void load(const method::State& state);
  [[nodiscard]] Importance importance() const;
  [[nodiscard]] vi::PhysicalMoments moments(const Gaussian& q) const;
  void report(const Round& round);

  space::Space space_;
  RegressionViOptions options_;
  space::Likelihood likelihood_;
  space::Transform transform_;
  std::string fingerprint_;  // of prior, data and noise
  PriorExpectation prior_;
  Gaussian start_;
  bool has_jacobians_;
  Eigen::VectorXd observations_;

  // The state.
  std::int64_t round_ = 0;
  std::int64_t num_evaluations_ = 0;
  Stage stage_ = Stage::exploring;
  Eigen::Index next_size_ = 0;
  Eigen::Index num_explored_ = 0;  // runs kept that were drawn from the start
  std::vector<Eigen::Index> tried_starts_;
  Eigen::Index num_correcting_ = 0;  // runs kept of the batches for the correction
  int num_empty_ = 0;                // batches in a row without a good run
  std::vector<Climb> climbs_;
  std::size_t current_ = 0;
  std::optional<GaussNewton> gauss_newton_;
  Runs runs_;
  Eigen::MatrixXd qois_;                      // of `runs_`
  std::vector<std::int64_t> sampled_rounds_;  // of every batch there
  method::StopReason stop_ = method::StopReason::none;

  std::optional<Surrogate> surrogate_;  // of the last round
  method::RecordedRounds recalled_;
  std::optional<Eigen::MatrixXd> pending_;  // x of the batch that was asked
  method::RoundDiagnostics diagnostics_;
};

}  // namespace invar::regression
