#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/evaluator.hpp"
#include "invar/method/method.hpp"
#include "invar/vi/directions.hpp"
#include "invar/vi/draws.hpp"
#include "invar/vi/line_search.hpp"
#include "invar/vi/start.hpp"

namespace invar::vi {

/// A state that was accepted, with all that the next steps and the answer need of it.
struct AcceptedState {
  int iteration = 0;
  Coordinates coordinates;
  Merit merit;
  GradientEstimate gradient;
  double gradient_norm = 0.0;  // the one that is compared with the tolerance
  Direction direction;
  Eigen::MatrixXd samples;  // d x N, physical; failed ones left out
  Eigen::MatrixXd qois;     // m x N
};

/// The accepted state with the largest ELBO so far.
struct BestState {
  int iteration = 0;
  Coordinates coordinates;
  ElboEstimate elbo;
};

/// Where a run of the method stands: complete, together with its options and family.
struct Progress {
  std::int64_t round = 0;
  std::int64_t evaluations = 0;           // asked for in all finished rounds
  int iteration = 0;                      // k of the next batch
  int rejections = 0;                     // in a row
  double step_size = 0.0;                 // of the next candidate
  double slope = 0.0;                     // predicted increase per unit of step size
  std::vector<Eigen::Index> block_sizes;  // draws of the next batch
  std::vector<double> accepted_elbos;     // newest last, as many as the line search compares with
  double first_elbo = 0.0;
  std::optional<AcceptedState> accepted;  // none before the first state is known
  std::optional<BestState> best;
  method::StopReason stop = method::StopReason::none;
};

/// Black-box variational inference by score-function gradients: the method `run_vi`.
///
/// The first round asks the samples of the start; every further round those of one candidate of the
/// line search. Accepting a candidate makes it the state without new model runs.
///
/// Failed and non-finite evaluations are left out of the averages and counted. With fewer than two
/// left, a candidate is rejected, and a first state stops the method (`too_many_failures`, no
/// posterior). A first state whose ELBO or gradient is not finite stops it too (`non_finite`, no
/// posterior), as does an accepted one whose gradient is not finite (its posterior is given).
///
/// Where several reasons to stop hold at once, the first of these is given: max_iterations,
/// elbo_relative_tolerance, gradient_norm_tolerance, non_finite.
///
/// Source: romtools.workflows.inverse.run_vi (Pressio/rom-tools-and-workflows, BSD-3). Deviations:
///         moments in physical coordinates; `transform` without bounds is the identity; failures
///         are left out; resumed runs continue to the bit; the best state is kept; the Hessian is
///         formed only for Newton.
/// Shapes: d parameters, m QoIs, N samples.
/// MPI:    Local.
/// Cost:   a round O(N (d + m)) for independent components; O(N d^2) with correlation; Newton
///         O(N d^2 + d^3) per accepted state. Memory O(N (d + m) + d^2).
class RunVi : public method::Method {
 public:
  /// @param start  the prior when not given
  /// @param draws  those of `make_draw_source` when not given
  /// @throws Error(config)  when an option is out of its range, the start does not fit the space,
  ///                        or rqmc does not reach the dimension
  /// @throws Error(data)    when the start's correlation is not positive definite
  RunVi(const space::Space& space, const space::Observations& observations,
        const RunViOptions& options, const std::optional<Start>& start = std::nullopt,
        std::unique_ptr<DrawSource> draws = nullptr);

  method::Batch ask() override;

  /// The batches that would be asked if the candidate at hand, and those after it, are rejected:
  /// smaller steps with the same normals, as far as the line search would go on, at most
  /// `most_steps_ahead` of them. None for the last iteration: whichever candidate it accepts is the
  /// end, where nobody should have to wait for a run that is of no use.
  [[nodiscard]] method::Batch ahead() const override;
  static constexpr int most_steps_ahead = 3;

  void tell(const method::BatchResult& result) override;
  [[nodiscard]] method::RoundDiagnostics diagnostics() const override { return diagnostics_; }
  [[nodiscard]] method::StopReason stop_reason() const override { return progress_.stop; }

  /// Moments in physical coordinates: those of the transformed distribution; in clip mode the
  /// Gaussian's own, as it is before samples are cut. `optimizer` holds mean, log_std, std,
  /// correlation_cholesky (multivariate), iteration, the best state by ELBO (best_*), and what
  /// gives these coordinates their meaning, so that `branch_start` can start from it.
  [[nodiscard]] std::optional<method::Posterior> posterior() const override;

  /// O(N (d + m) + d^2); holds all names of `Posterior::optimizer` that `branch_start` needs.
  [[nodiscard]] method::State state() const override;
  void restore(const method::State& state) override;
  [[nodiscard]] bool has_target_of(const method::State& state) const override;

  /// The accepted batch is scored anew, with its gradient, direction and merit; the window of
  /// accepted ELBOs, the first ELBO and the best state begin again with it, the step with
  /// `initial_step_size`. Before the first accepted state the method begins again, with new draws.
  void rescore(const method::State& state, std::int64_t num_given_up) override;

  [[nodiscard]] const Progress& progress() const { return progress_; }

  /// The coordinates of the batch that `ask` gives.
  [[nodiscard]] Coordinates candidate() const;

 private:
  /// What `ask` made and `tell` needs; made anew after `restore`.
  struct Pending {
    Coordinates coordinates;
    Points points;
  };

  /// The normals of the iteration at hand, kept so that a retry does not draw them again.
  struct DrawCache {
    int iteration = -1;
    std::size_t num_blocks = 0;
    Eigen::MatrixXd normals;
  };

  /// The evaluations of a batch that can be used.
  struct Survivors {
    Points points;
    Eigen::MatrixXd qois;
    std::vector<std::string> messages;  // what was left out, if anything
  };

  /// A batch as the line search and the diagnostics see it.
  struct Judged {
    Eigen::VectorXd f;
    Merit merit;
    double log_likelihood = 0.0;
    double log_prior = 0.0;
  };

  /// A finished round, as the diagnostics tell it.
  struct Round {
    int iteration;
    bool is_accepted;
    double step_size;
    Eigen::Index num_asked;
    Eigen::Index num_kept;
    const std::optional<Judged>& judged;
    const Coordinates& proposal;
    bool is_rescoring = false;
  };

  /// Draws what is missing of these blocks.
  void extend(DrawCache& cache, const std::vector<Eigen::Index>& block_sizes) const;
  /// The blocks of the batch after so many rejections in a row, from those of the one before it.
  [[nodiscard]] std::vector<Eigen::Index> next_blocks(std::vector<Eigen::Index> block_sizes,
                                                      int rejections) const;
  [[nodiscard]] Coordinates candidate(double step_size) const;
  [[nodiscard]] Survivors survivors(Points points, const method::BatchResult& result) const;
  [[nodiscard]] Judged judge(const Coordinates& at, const Survivors& kept) const;
  [[nodiscard]] AcceptedState accepted_state(const Coordinates& at, Survivors kept,
                                             const Judged& judged) const;
  void load(const method::State& state);
  void take_first(AcceptedState first);
  void accept(AcceptedState state);
  void reject();
  void adopt(AcceptedState state);
  void plan_next_batch();
  [[nodiscard]] method::StopReason reason_to_stop() const;
  [[nodiscard]] std::vector<std::string> first_warnings() const;
  void report(const Round& round);

  space::Space space_;
  RunViOptions options_;
  Eigen::VectorXd noise_variances_;
  Target target_;
  LineSearch line_search_;
  StdLimits std_limits_;
  InitialState initial_;
  std::unique_ptr<DrawSource> draws_;
  Progress progress_;
  std::optional<Pending> pending_;
  DrawCache cache_;
  method::RoundDiagnostics diagnostics_;
};

/// The answer of `run_vi`.
struct RunViResult {
  Eigen::VectorXd variational_mean;   // d, physical
  Eigen::VectorXd variational_std;    // d, physical
  Eigen::MatrixXd parameter_samples;  // d x N, physical, of the last accepted state
  Eigen::MatrixXd qois;               // m x N
  method::StopReason stop_reason = method::StopReason::none;
  std::int64_t evaluations = 0;
};

/// Runs the method to its end, without files: for programs that bring their own evaluator.
///
/// Failure: when it stops before a first state is known, the vectors and matrices are empty and
///          `stop_reason` says why. Evaluations that were never handed over count as cancelled.
RunViResult run_to_end(RunVi& method, method::Evaluator& evaluator);

}  // namespace invar::vi
