#include "invar/model_petsc/linear.hpp"

#include <fmt/format.h>

#include "invar/petsc/check.hpp"
#include "invar/petsc/handle.hpp"
#include "model_petsc/option_problems.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

class LinearModel final : public model::Model {
 public:
  LinearModel(const LinearOptions& options, MPI_Comm group)
      : num_parameters_(options.matrix.cols()), num_qois_(options.matrix.rows()) {
    const auto num_rows = static_cast<PetscInt>(num_qois_);
    const auto num_columns = static_cast<PetscInt>(num_parameters_);
    check(MatCreateDense(group, PETSC_DECIDE, PETSC_DECIDE, num_rows, num_columns, nullptr,
                         matrix_.put()));
    check(MatCreateVecs(matrix_.get(), parameters_.put(), qois_.put()));
    check(VecDuplicate(qois_.get(), offset_.put()));
    check(VecScatterCreateToZero(qois_.get(), to_rank_0_.put(), gathered_.put()));

    PetscInt begin = 0;
    PetscInt end = 0;
    check(MatGetOwnershipRange(matrix_.get(), &begin, &end));
    double* values = nullptr;
    PetscInt stride = 0;
    check(MatDenseGetLDA(matrix_.get(), &stride));
    check(MatDenseGetArrayWrite(matrix_.get(), &values));
    for (PetscInt j = 0; j < num_columns; ++j) {
      for (PetscInt i = begin; i < end; ++i) {
        values[(i - begin) + j * stride] = options.matrix(i, j);
      }
    }
    check(MatDenseRestoreArrayWrite(matrix_.get(), &values));
    check(MatAssemblyBegin(matrix_.get(), MAT_FINAL_ASSEMBLY));
    check(MatAssemblyEnd(matrix_.get(), MAT_FINAL_ASSEMBLY));
    set_owned(offset_.get(), options.offset.size() == 1
                                 ? Eigen::VectorXd::Constant(num_qois_, options.offset(0))
                                 : options.offset);
    int rank = 0;
    MPI_Comm_rank(group, &rank);
    if (rank == 0) {
      jacobian_ = options.matrix;
    }
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return num_parameters_; }
  [[nodiscard]] Eigen::Index num_qois() const override { return num_qois_; }
  [[nodiscard]] model::Capabilities capabilities() const override {
    return {.jacobian = true, .jacobian_vector = true, .vector_jacobian = true};
  }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    const Eigen::VectorXd& parameters = request.parameters;
    INVAR_EXPECTS(parameters.size() == num_parameters_);
    set_owned(parameters_.get(), parameters);
    check(MatMultAdd(matrix_.get(), parameters_.get(), offset_.get(), qois_.get()));
    check(VecScatterBegin(to_rank_0_.get(), qois_.get(), gathered_.get(), INSERT_VALUES,
                          SCATTER_FORWARD));
    check(VecScatterEnd(to_rank_0_.get(), qois_.get(), gathered_.get(), INSERT_VALUES,
                        SCATTER_FORWARD));
    PetscInt num_here = 0;  // all on rank 0, none elsewhere
    check(VecGetLocalSize(gathered_.get(), &num_here));
    const double* values = nullptr;
    check(VecGetArrayRead(gathered_.get(), &values));
    model::ModelResult result;
    result.qois = Eigen::Map<const Eigen::VectorXd>(values, num_here);
    check(VecRestoreArrayRead(gathered_.get(), &values));
    if (jacobian_.size() > 0) {
      add_derivatives(request, result);
    }
    return result;
  }

 private:
  /// Each rank sets what it owns of a vector that all ranks know.
  static void set_owned(Vec target, const Eigen::VectorXd& all) {
    PetscInt begin = 0;
    PetscInt end = 0;
    check(VecGetOwnershipRange(target, &begin, &end));
    double* values = nullptr;
    check(VecGetArrayWrite(target, &values));
    Eigen::Map<Eigen::VectorXd>(values, end - begin) = all.segment(begin, end - begin);
    check(VecRestoreArrayWrite(target, &values));
  }

  void add_derivatives(const model::ModelRequest& request, model::ModelResult& result) const {
    if (request.wants_jacobian) {
      result.jacobian = jacobian_;
    }
    if (request.directions.size() > 0) {
      result.jacobian_vectors = jacobian_ * request.directions;
    }
    if (request.weights.size() > 0) {
      result.vector_jacobians = jacobian_.transpose() * request.weights;
    }
  }

  Eigen::Index num_parameters_;
  Eigen::Index num_qois_;
  Eigen::MatrixXd jacobian_;  // on rank 0 of the group, whose results count
  petsc::MatOwner matrix_;
  petsc::VecOwner parameters_;
  petsc::VecOwner offset_;
  petsc::VecOwner qois_;
  petsc::VecOwner gathered_;
  petsc::ScatterOwner to_rank_0_;
};

options::Row<LinearOptions> matrix_row() {
  options::Row<LinearOptions> row;
  row.key = "matrix";
  row.type = "numbers or file";
  row.help = "a list of rows, one row per QoI, or {file: x.csv}, or {file: x.h5, dataset: /G}";
  row.allowed = "one row per QoI, one column per parameter";
  row.is_required = true;
  row.read = [](const options::Cursor& at, LinearOptions& target) {
    auto array = options::read_array(at);
    if (!array) {
      return options::Node{};
    }
    target.matrix = std::move(array->values);
    return std::move(array->resolved);
  };
  return row;
}

options::Row<LinearOptions> offset_row() {
  options::Row<LinearOptions> row;
  row.key = "offset";
  row.type = "numbers or file";
  row.help = "added to every QoI, or one number per QoI";
  row.allowed = "one number, or one per QoI";
  row.read = [](const options::Cursor& at, LinearOptions& target) {
    auto array = options::read_array(at);
    if (!array) {
      return options::Node::make_real(0.0);
    }
    auto offset = options::as_vector(at, *array, -1);
    if (!offset) {
      return options::Node{};
    }
    target.offset = std::move(*offset);
    return std::move(array->resolved);
  };
  row.default_text = [](const LinearOptions&) { return std::string("0"); };
  return row;
}

}  // namespace

const options::Table<LinearOptions>& linear_table() {
  static const options::Table<LinearOptions> table({matrix_row(), offset_row()});
  return table;
}

std::vector<model::OptionProblem> linear_problems(const LinearOptions& options,
                                                  const model::ProblemSizes& sizes) {
  std::vector<model::OptionProblem> problems;
  const Eigen::Index num_rows = options.matrix.rows();
  const Eigen::Index num_columns = options.matrix.cols();
  const Eigen::Index m = sizes.num_qois > 0 ? sizes.num_qois : num_rows;
  const Eigen::Index d = sizes.num_parameters > 0 ? sizes.num_parameters : num_columns;
  if (options.matrix.size() == 0 || num_rows != m || num_columns != d) {
    problems.push_back(
        {"matrix", fmt::format("expected {} x {} (observations x parameters), found {} x {}", m, d,
                               num_rows, num_columns)});
  } else if (!options.matrix.allFinite()) {
    problems.push_back({"matrix", "expected finite numbers, found .inf or .nan"});
  }
  if (options.offset.size() != 1 && options.offset.size() != m) {
    problems.push_back(
        {"offset", fmt::format("expected 1 or {} numbers, found {}", m, options.offset.size())});
  } else if (!options.offset.allFinite()) {
    problems.push_back({"offset", "expected finite numbers, found .inf or .nan"});
  }
  return problems;
}

std::unique_ptr<model::Model> make_linear_model(const LinearOptions& options, MPI_Comm group) {
  require_none(linear_problems(options, {}));
  return std::make_unique<LinearModel>(options, group);
}

}  // namespace invar::model_petsc
