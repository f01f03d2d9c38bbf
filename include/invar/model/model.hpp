#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include <Eigen/Core>

#include "invar/core/capabilities.hpp"
#include "invar/core/status.hpp"
#include "invar/options/table.hpp"

namespace invar::model {

using core::Capabilities;

/// One run that is asked for: QoIs always, derivatives where they are wanted and the model can.
///
/// Shapes: d parameters, m QoIs.
struct ModelRequest {
  // Not explicit: parameters alone are a request.
  template <std::convertible_to<Eigen::VectorXd> Parameters>
  ModelRequest(const Parameters& at, std::int64_t evaluation_id = -1)  // NOLINT
      : parameters(at), id(evaluation_id) {}

  Eigen::VectorXd parameters;  // d, physical coordinates
  std::int64_t id;             // of the evaluation in its campaign; -1 outside of one
  bool wants_jacobian = false;
  Eigen::MatrixXd directions;  // d x k: J v is wanted for every column v; empty: none
  Eigen::MatrixXd weights;     // m x k: w^T J is wanted for every column w; empty: none
};

/// What a run of the model gave; on rank 0 of the group.
///
/// Shapes: as in the request that was made; empty where nothing was wanted.
struct ModelResult {
  Status status = Status::ok;
  std::string message = {};               // why it is not ok
  Eigen::VectorXd qois = {};              // m
  Eigen::MatrixXd jacobian = {};          // m x d: row i has the derivatives of QoI i
  Eigen::MatrixXd jacobian_vectors = {};  // m x k: column i is J v_i
  Eigen::MatrixXd vector_jacobians = {};  // d x k: column i is J^T w_i

  [[nodiscard]] bool is_ok() const noexcept { return status == Status::ok; }
};

/// A forward model: parameters in, quantities of interest (QoIs) out.
///
/// The contract, tested for every model by one suite: the sizes never change; the same parameters
/// give the same bits; absurd parameters give a failed result or non-finite QoIs, never a crash or
/// an unbounded loop; nothing is leaked from call to call; only the communicator that was given is
/// used.
///
/// MPI: Collective on the group's communicator; all ranks of the group pass the same parameters.
class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  Model(Model&&) = delete;
  Model& operator=(Model&&) = delete;
  virtual ~Model() = default;

  [[nodiscard]] virtual Eigen::Index num_parameters() const = 0;
  [[nodiscard]] virtual Eigen::Index num_qois() const = 0;

  /// The derivatives that `evaluate` can give; others must not be asked for.
  [[nodiscard]] virtual Capabilities capabilities() const { return {}; }

  /// Ends every later run that takes longer, with the status timeout; for models whose type says
  /// `keeps_timeout`.
  /// MPI: Local.
  virtual void limit_time(double /*timeout_s*/) {}

  /// Runs the model.
  ///
  /// Shapes:  parameters d, physical coordinates; QoIs m.
  /// Failure: a run that did not succeed is a result with the status model_failed (a model that
  ///          stands for another process may know better) and a message. An exception must be
  ///          thrown on all ranks of the group or on none, and counts as a crash.
  virtual ModelResult evaluate(const ModelRequest& request) = 0;

  /// How many requests one call of `evaluate_several` takes; more than 1 where a single start of
  /// something serves many points.
  [[nodiscard]] virtual Eigen::Index most_at_once() const { return 1; }

  /// Runs the model for several requests; a result for each, in their order.
  ///
  /// Failure: as of `evaluate`, one by one; an exception counts for all of them. What is repeated
  ///          is run alone.
  /// @pre 1 to most_at_once() requests
  virtual std::vector<ModelResult> evaluate_several(const std::vector<ModelRequest>& requests);
};

/// The result of a run that threw: a crash, with what the exception says.
/// MPI: Local.
ModelResult crash_of(const std::exception_ptr& exception);

/// The sizes that the study knows, for models that take theirs from it; 0 where the study does not
/// say (or is wrong there), and then nothing is compared with it.
struct ProblemSizes {
  Eigen::Index num_parameters = 0;
  Eigen::Index num_qois = 0;  // number of observations
  std::vector<std::string> parameter_names = {};
};

/// Makes the model on a group of ranks.
/// MPI: Collective on `group`.
using ModelFactory = std::function<std::unique_ptr<Model>(MPI_Comm group)>;

/// A model type that a study can name.
struct ModelType {
  std::string name;  // `model: {type: name}`
  std::string help;
  /// Its keys under `model:`, paths relative to it; none of `common_model_keys`.
  std::vector<options::Description> keys;
  /// Reads the keys; the resolved map is written to `resolved`. Problems go to the cursor's reader
  /// (the factory is not used then). MPI: Local; the same on all ranks.
  std::function<ModelFactory(const options::Cursor& at, const ProblemSizes& sizes,
                             options::Node& resolved)>
      read;
  bool keeps_timeout = false;  // `evaluation.timeout_s` is the model's to keep: `limit_time`
  /// Those of the keys that have no part in the answers: a campaign may go on with others.
  std::vector<std::string> harmless_keys = {};
};

/// Something wrong with a model's options that no single key can see.
struct OptionProblem {
  std::string key;  // where to report it
  std::string message;
};

/// The keys under `model:` that belong to no type; read by the study.
inline const std::vector<std::string>& common_model_keys() {
  static const std::vector<std::string> keys = {"type", "isolation"};
  return keys;
}

/// A model type whose options are a struct with a table.
///
/// @param table   of the struct
/// @param create  makes the model: (options, sizes, group communicator)
/// @param check   compares keys with each other and with the sizes; asked when each key is sound
template <class Options>
ModelType make_model_type(
    const std::string& name, const std::string& help, const options::Table<Options>& table,
    std::function<std::unique_ptr<Model>(const Options&, const ProblemSizes&, MPI_Comm)> create,
    std::function<std::vector<OptionProblem>(const Options&, const ProblemSizes&)> check = {}) {
  return {.name = name,
          .help = help,
          .keys = table.describe(""),
          .read = [table, create, check](const options::Cursor& at, const ProblemSizes& sizes,
                                         options::Node& resolved) -> ModelFactory {
            Options values{};
            const std::size_t num_before = at.reader->problems().size();
            resolved = table.read(at, values, common_model_keys());
            if (check && at.reader->problems().size() == num_before) {
              for (const OptionProblem& problem : check(values, sizes)) {
                at.child(problem.key).problem(problem.message);
              }
            }
            return [values, sizes, create](MPI_Comm group) { return create(values, sizes, group); };
          }};
}

/// The model types of a program, in the order in which they are explained.
///
/// MPI: Local.
class ModelRegistry {
 public:
  /// @pre no type of that name is there
  void add(ModelType type);

  /// The type called `name`, or null.
  [[nodiscard]] const ModelType* find(const std::string& name) const;

  [[nodiscard]] const std::vector<ModelType>& types() const { return types_; }

 private:
  std::vector<ModelType> types_;
};

}  // namespace invar::model
