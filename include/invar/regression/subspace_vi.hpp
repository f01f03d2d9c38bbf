#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "invar/method/method.hpp"
#include "invar/regression/derivative_source.hpp"
#include "invar/regression/polynomial_fit.hpp"
#include "invar/regression/prior_frame.hpp"
#include "invar/regression/regression_method.hpp"
#include "invar/regression/regression_vi.hpp"
#include "invar/space/observations.hpp"
#include "invar/space/space.hpp"

namespace invar::regression {

/// Regression VI for many parameters of which the data inform few directions.
///
/// In coordinates in which the prior is N(0, I) (`PriorFrame`) the Gaussian is N(0, I) but for a
/// subspace of r directions that the data inform: covariance I + B C B^T, low rank plus diagonal.
/// First the directions are found: from runs at the start and w^T J products (the runs say which
/// combinations of QoIs vary, the products which parameters move these), from Jacobians, or from a
/// linear fit. Then `RegressionVi` works in the r coordinates; what a run has in the others is
/// drawn from the prior. Derivatives that come later are looked at for directions that are missing;
/// these join, and it goes on from where it stands, with all runs.
///
/// Source: the subspace: Spantini, Solonen, Cui, Martin, Tenorio, Marzouk 2015,
///         doi:10.1137/140977308; what is lost by leaving directions out: Zahm, Cui, Law, Spantini,
///         Marzouk 2022, doi:10.1090/mcom/3737; finding it by products: Halko, Martinsson, Tropp
///         2011, doi:10.1137/090771806.
/// Shapes: d parameters, m QoIs, r directions.
/// MPI:    Local.
/// Memory: O(d (r + n)) for n runs; nothing is d x d.
/// Cost:   of a round: O(d r n), and that of `RegressionVi` with r parameters.
class SubspaceVi : public RegressionMethod {
 public:
  /// More parameters make a full covariance unreasonable: it is not written out, and draws are
  /// fewer.
  static constexpr Eigen::Index most_written_out = 500;

  /// @param start   where the first runs are drawn; the prior when not given
  /// @throws Error(config)  when correlated parameters have bounds, or an option is out of range
  SubspaceVi(const space::Space& space, const space::Observations& observations,
             const RegressionViOptions& options, const std::optional<Start>& start,
             DerivativeSource source);

  method::Batch ask() override;
  void resume_first_batch(Eigen::Index size) override;
  /// Probing: the probes that follow if these do not tell all. Later what the inner method offers;
  /// a batch of it counts where it is asked in the round that was foreseen, as what runs have in
  /// the other directions is a matter of the round.
  [[nodiscard]] method::Batch ahead() const override;
  void tell(const method::BatchResult& result) override;
  [[nodiscard]] method::RoundDiagnostics diagnostics() const override { return diagnostics_; }
  [[nodiscard]] method::StopReason stop_reason() const override { return stop_; }
  [[nodiscard]] std::optional<method::Posterior> posterior() const override;
  [[nodiscard]] method::State state() const override;
  [[nodiscard]] bool needs_record() const override { return true; }
  void recall(const method::RecordedRounds& rounds) override { recalled_ = rounds; }
  void restore(const method::State& state) override;
  [[nodiscard]] bool has_target_of(const method::State& state) const override;
  void rescore(const method::State& state, std::int64_t num_given_up) override;
  [[nodiscard]] WeighedRuns weighed_runs() const override;

  /// The Gaussian so far, in the coordinates in which the prior is N(0, I).
  struct Answer {
    Eigen::VectorXd mean;    // d
    Eigen::MatrixXd basis;   // d x r, orthonormal
    Eigen::MatrixXd excess;  // r x r: the covariance is I + basis excess basis^T
  };
  /// @pre posterior() has a value
  [[nodiscard]] Answer answer() const;
  [[nodiscard]] std::int64_t num_evaluations() const { return num_evaluations_; }
  /// Products with the Jacobian that were asked for.
  [[nodiscard]] std::int64_t num_products() const { return num_products_; }

 private:
  /// What the next batch is for.
  enum class Purpose {
    probing,    // runs at the start
    sketching,  // one run with derivatives, for the directions
    inference,  // what the inner method asks
  };

  /// Runs that were drawn from a density.
  struct Drawn {
    std::int64_t round;
    Gaussian proposal;   // in the first coordinates of the subspace; of none: the start
    double num_drawn;    // the good ones and those that came to nothing
    Eigen::MatrixXd at;  // coordinates of all that were drawn, rank x num_drawn
    Eigen::Index first;  // of its good runs in xi_
    Eigen::Index size;   // how many are good
  };

  struct Told {
    std::vector<Eigen::Index> good;
    Eigen::MatrixXd xi, qois;  // of the good ones
    std::vector<std::string> messages;
  };

  [[nodiscard]] bool gives_rows() const;
  [[nodiscard]] Eigen::Index first_size() const;
  [[nodiscard]] Eigen::MatrixXd points(std::int64_t round, const Drawn* drawn,
                                       Eigen::Index number) const;
  [[nodiscard]] Eigen::MatrixXd lifted(std::int64_t round, const Eigen::MatrixXd& at,
                                       const Eigen::MatrixXd& basis) const;
  [[nodiscard]] std::vector<method::WantedDerivatives> wanted(const Eigen::MatrixXd& xi) const;
  [[nodiscard]] Eigen::MatrixXd rows(const method::Derivatives& found,
                                     const Eigen::VectorXd& xi) const;
  [[nodiscard]] Eigen::MatrixXd reduced_jacobian(const method::Derivatives& found,
                                                 const Eigen::VectorXd& xi) const;
  [[nodiscard]] method::BatchResult reduced(const method::BatchResult& result, const Told& told,
                                            const Eigen::MatrixXd& xi) const;
  [[nodiscard]] Told take(const Eigen::MatrixXd& xi, const method::BatchResult& result) const;
  [[nodiscard]] Eigen::MatrixXd jacobian_columns(const Told& told,
                                                 const method::BatchResult& result,
                                                 const Eigen::MatrixXd& known) const;
  [[nodiscard]] bool is_usable(const method::Evaluation& evaluation) const;
  [[nodiscard]] std::vector<Eigen::MatrixXd> jacobians_of(const Drawn& drawn,
                                                          const method::BatchResult& result) const;
  void keep(const Told& told, Drawn drawn);
  void probe(const Told& told, const method::BatchResult& result);
  void keep_to_the_limit();
  [[nodiscard]] Eigen::Index most_probes() const;
  [[nodiscard]] Eigen::Index next_probes(Eigen::Index num_probes, Eigen::Index left) const;
  void find_row_space();
  void begin_sketch();
  void sketch(const Told& told, const method::BatchResult& result);
  [[nodiscard]] Fit fit_values() const;
  void begin_by_values(const Fit& fit);
  void begin_inference(const method::BatchResult* last, bool needs_derivatives = false);
  [[nodiscard]] std::unique_ptr<RegressionVi> make_inner(const method::BatchResult* last) const;
  void infer(const Told& told, const method::BatchResult& result, const Eigen::MatrixXd& xi);
  bool enlarge(const Told& told, const method::BatchResult& result);
  [[nodiscard]] bool is_time_to_look(const Told& told) const;
  [[nodiscard]] Eigen::Index num_drawn_with_basis() const;
  bool enlarge_by_values();
  bool enlarge_by(const Eigen::MatrixXd& columns, const method::BatchResult* last);
  [[nodiscard]] Eigen::MatrixXd draws() const;
  void load(const method::State& state);
  void report(Eigen::Index num_asked, Eigen::Index num_kept);

  space::Space space_;
  space::Observations observations_;
  RegressionViOptions options_;
  space::Likelihood likelihood_;
  PriorFrame frame_;
  std::string fingerprint_;  // of prior, data and noise
  DerivativeSource source_;
  Eigen::VectorXd start_mean_, start_std_;  // in the frame

  // The state.
  std::int64_t round_ = 0;
  std::int64_t num_evaluations_ = 0;
  std::int64_t num_products_ = 0;
  Purpose purpose_ = Purpose::probing;
  Eigen::Index next_size_ = 0;
  Eigen::Index first_limit_;   // of the first batch
  int num_empty_ = 0;          // probing or sketching in a row without a good run
  Eigen::MatrixXd basis_;      // d x r
  Eigen::MatrixXd row_space_;  // orthonormal combinations of the whitened QoIs that vary
  Eigen::VectorXd examined_;   // the point of a sketch
  std::vector<Drawn> drawn_;
  Eigen::MatrixXd xi_, qois_;  // of all good runs that were drawn
  std::unique_ptr<RegressionVi> inner_;
  std::int64_t inner_round_ = 0;        // in which it began
  std::int64_t inner_evaluations_ = 0;  // that there were then
  int num_bases_ = 0;
  bool uses_derivatives_ = false;  // in it
  method::StopReason stop_ = method::StopReason::none;

  method::RecordedRounds recalled_;
  std::optional<Eigen::MatrixXd> pending_;  // xi of the batch that was asked
  std::optional<Eigen::MatrixXd> pending_at_;
  method::RoundDiagnostics diagnostics_;
};

}  // namespace invar::regression
