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
#include "invar/regression/derivative_source.hpp"
#include "invar/regression/draws.hpp"
#include "invar/regression/earlier_runs.hpp"
#include "invar/regression/gauss_newton.hpp"
#include "invar/regression/gaussian.hpp"
#include "invar/regression/importance.hpp"
#include "invar/regression/prior_expectation.hpp"
#include "invar/regression/regression_method.hpp"
#include "invar/regression/regression_vi_options.hpp"
#include "invar/regression/runs.hpp"
#include "invar/regression/surrogate.hpp"
#include "invar/regression/surrogate_posterior.hpp"
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
  double misfit = 0.0;                     // mean of |r|^2 there
  std::optional<GaussNewton> search = {};  // for where to begin, while it is under way
  DrawKey key = {};                        // of its next batch
  Eigen::Index next_size = 0;              // of that
  int num_empty = 0;                       // batches in a row without a good run
  bool has_joined = false;                 // it is on its way to where another one is

  /// So many rounds in a row settle it, or make its answer accurate.
  static constexpr int enough_rounds = 2;
  /// So many batches in a row without a good run end it.
  static constexpr int most_empty = 3;
  [[nodiscard]] bool is_accurate() const { return num_accurate >= enough_rounds; }
  [[nodiscard]] bool has_settled() const {
    return num_full_steps >= enough_rounds || is_accurate();
  }
  [[nodiscard]] bool is_given_up() const { return num_empty >= most_empty; }
  /// Whether it goes on in its turn.
  [[nodiscard]] bool is_under_way() const {
    return !has_settled() && !has_joined && !is_given_up();
  }
};

/// A distribution in physical coordinates, or a Gaussian in those of the method.
using Start = std::variant<space::Prior, Gaussian>;

/// The Gaussian of a saved state of `regression_vi`, to start from.
/// @throws Error(data)    when the state is of another method
/// @throws Error(config)  when it does not fit the space
Gaussian branch_start(const method::State& state, const space::Space& space,
                      const RegressionViOptions& options);

/// What a batch is for.
enum class Stage { exploring, gauss_newton, climbing, correcting };

/// Variational inference by regression: the best Gaussian from few runs.
///
/// The runs so far are fitted where the Gaussian is (`fit_surrogate`), the ELBO of the fit is
/// maximised within a trust region (`ascend`), the next batch is drawn at the new Gaussian. All
/// runs stay in use, but for those of a Gauss-Newton search. First the start itself is sampled,
/// until the fit explains the runs or `first_sample_size` are there; with Jacobians a Gauss-Newton
/// search takes the place of most of that. A climb that settles where the misfit is larger than the
/// noise explains makes way for one from another start, up to eight of them; so it does where runs
/// that are far from it hold a share of the posterior, for one from there. With `starts` given,
/// that many climb in turns, a batch of one in every round, until each has settled or is where
/// another one is. The best one goes on to the accuracy. An accurate answer whose posterior is no
/// Gaussian is followed by batches from wider ones, as long as they help the weights of the runs to
/// say how it differs.
///
/// Runs of earlier campaigns of the same model (`reuse`) count as runs of this one. Where they tell
/// enough, the method begins with the best of all Gaussians that they were drawn from and climbs as
/// far as they carry before it asks for anything; the last word has a batch of its own.
///
/// The random numbers of a climb are its own, so that its next batch is known while others have
/// their turns: idle groups may run it ahead.
///
/// Failed runs are left out and counted. A batch without a good run is repeated with other draws;
/// the third one in a row ends its climb, and when that was the best one or there was none, the
/// method (`too_many_failures`).
///
/// Source: Salimans & Knowles 2013, doi:10.1214/13-BA858 (regression is natural-gradient ascent);
///         Khan & Rue 2023, The Bayesian learning rule, JMLR 24(281).
/// Shapes: d parameters, m QoIs.
/// MPI:    Local.
/// Cost:   of a round: the fits, `fit_polynomial`, and some dozen ascent steps of O(d^3 m).
class RegressionVi : public RegressionMethod {
 public:
  /// A fit explains the runs at the start when it leaves this share of the noise.
  static constexpr double explained = 0.3;
  /// Squares of residuals and Jacobians beyond this would leave nothing finite.
  static constexpr double most_square = 1e150;

  /// @param start         where the first runs are drawn; the prior when not given
  /// @param source        what Jacobians are learned from; by products with the unit vectors
  /// @throws Error(config)  when an option is out of its range
  RegressionVi(const space::Space& space, const space::Observations& observations,
               const RegressionViOptions& options, const std::optional<Start>& start = std::nullopt,
               DerivativeSource source = DerivativeSource::none);

  /// Takes runs of earlier campaigns as its own; they are no evaluations of this one.
  ///
  /// A method that is restored must have been given the same before.
  ///
  /// @pre nothing was asked yet, and this was not called before
  /// @throws Error(config)  when they have another number of parameters or QoIs
  void reuse(std::vector<EarlierRuns> earlier);

  /// The first half of that: the runs are there, but where to begin is not settled. `begin` or
  /// `restore` follows.
  void take_over(std::vector<EarlierRuns> earlier);
  /// The other half.
  void begin();

  method::Batch ask() override;
  void resume_first_batch(Eigen::Index size) override;
  /// Exploring: the batch that follows if the fit does not explain the runs. Else the next batches
  /// of the climbs and searches whose turns come next, then that of the best climb that waits for
  /// them, then what a Gauss-Newton search tries after rejections.
  [[nodiscard]] method::Batch ahead() const override;
  /// A batch that may be asked soon.
  struct Offer {
    Eigen::MatrixXd points;
    Eigen::Index rounds;  // how many rounds from now, if every climb under way has its turn
    bool is_search;       // a trial of a Gauss-Newton search
  };
  /// Those of `ahead`, one by one.
  /// @pre as of `ahead`
  [[nodiscard]] std::vector<Offer> offers() const;
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

  [[nodiscard]] WeighedRuns weighed_runs() const override;

  /// The Gaussian that is the answer so far, in the coordinates of the method.
  /// @pre has_best()
  [[nodiscard]] const Gaussian& best() const { return answer()->q; }
  [[nodiscard]] bool has_best() const { return answer() != nullptr; }
  [[nodiscard]] std::int64_t num_evaluations() const { return num_evaluations_; }
  /// Good runs of earlier campaigns that have a place within the bounds.
  [[nodiscard]] Eigen::Index num_reused() const { return num_reused_; }
  [[nodiscard]] Stage stage() const;
  /// What the next batch is drawn from, unless a search asks it.
  [[nodiscard]] Gaussian proposal() const;
  [[nodiscard]] bool has_jacobians() const { return source_ != DerivativeSource::none; }
  /// Whether the last fit knows the residuals to the last digits that matter.
  [[nodiscard]] bool is_exact() const { return surrogate_ && surrogate_->is_exact(); }
  [[nodiscard]] bool has_climbed() const {
    return surrogate_ && last_climb_ && climbs_[*last_climb_].before.has_value();
  }

  /// Root mean square, in units of the noise, of what a fit of all runs at the start leaves of the
  /// residuals at runs that it was not made from.
  /// @pre there is a run
  [[nodiscard]] double error_at_start() const;

  /// What the last fit leaves of the whitened residuals at points whose outcomes are known.
  /// Shapes: x d x n, qois m x n.
  /// @pre a climb has made a step since the last start or restore
  [[nodiscard]] Eigen::MatrixXd unexplained(const Eigen::MatrixXd& x,
                                            const Eigen::MatrixXd& qois) const;

  /// Begins anew with a Gauss-Newton search from a point.
  void search_from(const Eigen::VectorXd& x);
  /// The same from a point whose outcome is known.
  /// Shapes: x d, qois m, jacobian of these with respect to the parameters m x d.
  void search_from(const Eigen::VectorXd& x, const Eigen::VectorXd& qois,
                   const Eigen::MatrixXd& jacobian);

  /// Begins anew with a climb from q.
  void go_on_from(const Gaussian& q);

  /// Ends with what the runs so far tell (`max_evaluations`).
  void finish();
  /// Of the next batch.
  [[nodiscard]] Eigen::Index next_size() const;

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
    Stage stage;
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
  [[nodiscard]] Family family() const;
  [[nodiscard]] method::WantedDerivatives wanted() const;
  [[nodiscard]] Eigen::MatrixXd draws(const DrawKey& key, Eigen::Index number) const;
  [[nodiscard]] DrawKey exploring_key(std::int64_t round) const;
  [[nodiscard]] Gaussian proposal(const Climb& climb) const;
  [[nodiscard]] Eigen::MatrixXd next_points() const;
  [[nodiscard]] Eigen::MatrixXd next_points(const Climb& climb) const;
  [[nodiscard]] Eigen::Index next_exploring_size(Eigen::Index num_explored) const;
  [[nodiscard]] Told take(const Eigen::MatrixXd& x, const method::BatchResult& result) const;
  [[nodiscard]] SurrogateOptions fitting() const;
  [[nodiscard]] Objective objective(const Gaussian& base, const Surrogate& surrogate) const;
  [[nodiscard]] std::size_t best_climb() const;
  [[nodiscard]] const Climb* answer() const;
  [[nodiscard]] std::vector<std::size_t> modes() const;
  [[nodiscard]] bool takes_turns() const { return options_.starts.value_or(1) > 1; }
  [[nodiscard]] std::vector<std::size_t> turns() const;
  [[nodiscard]] Climb scored(Climb climb) const;
  [[nodiscard]] Eigen::VectorXd log_posteriors() const;
  [[nodiscard]] bool is_near_another(const Climb& climb) const;
  [[nodiscard]] std::optional<Eigen::Index> run_elsewhere() const;
  [[nodiscard]] bool has_been_tried(Eigen::Index run) const;
  [[nodiscard]] double widest_radius() const;
  void add_runs(const Proposal& drawn_from, double num_drawn, Told& told);
  void add_own_runs(std::int64_t round, const DrawKey& key, const Gaussian& drawn_from,
                    Eigen::Index num_drawn, Told& told);
  void add_earlier_runs();
  void begin_anew();
  [[nodiscard]] std::optional<Gaussian> best_known_gaussian() const;
  int climb_without_new_runs();
  [[nodiscard]] Eigen::Index enough_to_fit() const;
  [[nodiscard]] bool is_start_explored() const;
  [[nodiscard]] std::vector<Eigen::Index> runs_to_start_from() const;
  void explore(Told& told, Eigen::Index num_asked);
  void take_turn(Told& told, Eigen::Index num_asked);
  void step(Climb& climb);
  [[nodiscard]] double error_by_halves(const Gaussian& base, const Gaussian& q,
                                       const SurrogateOptions& fitted) const;
  [[nodiscard]] bool is_far_from_gaussian() const;
  void begin_correction();
  void correct(Eigen::Index num_kept);
  [[nodiscard]] static bool has_enough(const SmoothedWeights& weights);
  [[nodiscard]] Gaussian correcting_proposal() const;
  void search(Climb& climb, const Told& told) const;
  void end_search(Climb& climb) const;
  [[nodiscard]] Climb new_climb(const Gaussian& q);
  void begin_with(Climb climb);
  [[nodiscard]] bool begin_from_run(bool is_exact = false);
  void begin_at(Eigen::Index run, bool is_exact);
  [[nodiscard]] std::optional<Eigen::Index> next_start() const;
  void begin_others(bool is_exact);
  void move_on(bool was_under_way);
  void judge_all();
  [[nodiscard]] Climb makeshift();
  void check_limits();
  void load(const method::State& state);
  [[nodiscard]] Importance importance() const;
  [[nodiscard]] CorrectedMoments corrected_moments(const Eigen::MatrixXd& points,
                                                   const Eigen::VectorXd& weights) const;
  [[nodiscard]] vi::PhysicalMoments moments(const Gaussian& q) const;
  void report(const Round& round);

  space::Space space_;
  RegressionViOptions options_;
  space::Likelihood likelihood_;
  space::Transform transform_;
  std::string fingerprint_;  // of prior, data and noise
  PriorExpectation prior_;
  Gaussian start_;
  DerivativeSource source_;
  Eigen::VectorXd observations_;

  // Of earlier campaigns; their runs are the first of `runs_`.
  std::vector<EarlierRuns> earlier_;
  Eigen::Index num_reused_ = 0;
  std::size_t num_earlier_batches_ = 0;
  Eigen::Index num_reused_at_start_ = 0;  // that as many draws of the start would tell as much
  std::uint32_t first_stream_ = 0;        // of random numbers that they have not used
  std::string beginning_;                 // what they were good for; for people

  // The state.
  std::int64_t round_ = 0;
  std::int64_t num_evaluations_ = 0;
  Eigen::Index next_size_ = 0;     // of the next batch at the start
  Eigen::Index first_limit_;       // of the first batch of all
  Eigen::Index num_explored_ = 0;  // runs kept that were drawn from there
  int num_empty_ = 0;              // batches in a row without a good run there
  std::vector<Eigen::Index> tried_starts_;
  std::vector<Climb> climbs_;   // none while exploring
  std::size_t current_ = 0;     // whose turn it is
  bool is_correcting_ = false;  // the best climb is accurate, its runs are to say how it is not
  Eigen::Index num_correcting_ = 0;  // runs kept of the batches for that
  std::uint32_t num_streams_ = 0;    // of random numbers that climbs have been given
  Runs runs_;
  Eigen::MatrixXd qois_;                      // of `runs_`
  std::vector<std::int64_t> sampled_rounds_;  // of every batch there
  std::vector<DrawKey> sampled_keys_;
  method::StopReason stop_ = method::StopReason::none;

  std::optional<Surrogate> surrogate_;     // of the last round
  std::optional<std::size_t> last_climb_;  // whose turn that was
  // The answer of a method that had to stop before a climb had begun; no climb of its own, so that
  // a raised limit finds all as it was.
  std::optional<Climb> makeshift_;
  method::RecordedRounds recalled_;
  std::optional<Eigen::MatrixXd> pending_;  // x of the batch that was asked
  method::RoundDiagnostics diagnostics_;
};

}  // namespace invar::regression
