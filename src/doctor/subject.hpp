#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "doctor/results.hpp"
#include "invar/model/model.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::doctor {

/// What came back from one run, derivatives included.
struct Answer {
  Outcome outcome;
  model::ModelResult result;
};

/// The model under examination on a group of ranks.
///
/// Rank 0 says what is to be done, the others follow in `serve` until they are dismissed: so a
/// check is ordinary code on rank 0, whatever it decides on the way.
///
/// MPI:      Collective on the group: every call on rank 0 has its counterpart inside `serve`.
/// Lifetime: the communicators outlive it.
class Subject {
 public:
  struct Setup {
    model::ModelFactory make;
    MPI_Comm group = MPI_COMM_NULL;        // the model's
    const parallel::Comm* team = nullptr;  // the same ranks, for what is said beside it
    std::optional<double> timeout_s;       // for models that keep it themselves
  };
  explicit Subject(Setup setup) : setup_(std::move(setup)) {}

  /// Told on rank 0 before each run, and before the model is made (with an empty request).
  std::function<void(const model::ModelRequest*)> on_begin = [](const model::ModelRequest*) {};

  /// Makes the model, after the one before is gone.
  ///
  /// MPI: rank 0.
  /// @return the seconds it took
  /// @throws parallel::CollectiveError  when it cannot be made; there is none then
  double renew();

  /// Makes the model unless it is there.
  /// MPI: rank 0.
  void prepare();

  /// Runs the model: what it throws has `crashed`, and an answer is judged as a campaign does.
  ///
  /// MPI: rank 0.
  /// @pre the model is there
  Answer run(const model::ModelRequest& request);

  /// What the group's ranks hold, the largest of every kind.
  /// MPI: rank 0.
  Holdings holdings();

  /// The model is gone, and the others leave `serve`.
  /// MPI: rank 0.
  void dismiss();

  /// Follows rank 0.
  /// MPI: all ranks but 0.
  void serve();

  [[nodiscard]] Sizes sizes() const;

 private:
  void tell(const std::string& order) const;
  void make();
  Answer evaluate(const model::ModelRequest& request);
  [[nodiscard]] Holdings count() const;

  Setup setup_;
  std::unique_ptr<model::Model> model_;
};

}  // namespace invar::doctor
