#include "invar/model_petsc/poisson.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "invar/petsc/check.hpp"
#include "model_petsc/option_problems.hpp"
#include "model_petsc/point_values.hpp"
#include "model_petsc/poisson_derivatives.hpp"
#include "model_petsc/poisson_system.hpp"

namespace invar::model_petsc {
namespace {

Eigen::Matrix2Xd observed_points(const PoissonOptions& options) {
  return options.points.cols() > 0 ? options.points : point_grid(options.points_per_side);
}

class PoissonModel final : public model::Model {
 public:
  PoissonModel(const PoissonOptions& options, MPI_Comm group)
      : num_parameters_(static_cast<Eigen::Index>(options.k) * options.k),
        system_(options, group),
        points_(observed_points(options)),
        values_(options.n, system_.lines(), points_),
        derivatives_(options, system_, values_) {
    // A solver that cannot work, and options nobody reads, show now and not in every evaluation.
    if (const auto trouble = system_.solve(Eigen::VectorXd::Ones(num_parameters_))) {
      throw Error(ErrorKind::config, "`petsc_options`: for a = 1, " + *trouble);
    }
    if (const auto unused = system_.unused_options(); !unused.empty()) {
      throw Error(ErrorKind::config, fmt::format("`petsc_options`: PETSc did not use -{}; check "
                                                 "the spelling and the solver it belongs to",
                                                 fmt::join(unused, ", -")));
    }
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return num_parameters_; }
  [[nodiscard]] Eigen::Index num_qois() const override { return points_.cols(); }
  [[nodiscard]] model::Capabilities capabilities() const override {
    return {.jacobian = true, .jacobian_vector = true, .vector_jacobian = true};
  }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    const Eigen::VectorXd& parameters = request.parameters;
    INVAR_EXPECTS(parameters.size() == num_parameters_);
    const Eigen::VectorXd coefficients = parameters.array().exp();
    for (Eigen::Index i = 0; i < num_parameters_; ++i) {
      if (!std::isnormal(coefficients[i])) {
        return failed(
            fmt::format("the coefficient exp({}) of block {} is out of range", parameters[i], i));
      }
    }
    if (const auto trouble = system_.solve(coefficients)) {
      return failed(*trouble);
    }
    model::ModelResult result;
    result.qois = values_.gather(system_.solution(), system_.group());
    if (const auto trouble = derivatives_.add(request, coefficients, result)) {
      return failed("for a derivative, " + *trouble);
    }
    return result;
  }

 private:
  static model::ModelResult failed(const std::string& message) {
    return {.status = Status::model_failed, .message = message, .qois = {}};
  }

  Eigen::Index num_parameters_;
  PoissonSystem system_;
  Eigen::Matrix2Xd points_;
  PointValues values_;
  PoissonDerivatives derivatives_;
};

options::Node read_points(const options::Cursor& at, PoissonOptions& target) {
  const auto points_per_side = [&target] {
    return options::Node::make_scalar(std::to_string(target.points_per_side));
  };
  if (!at.present()) {
    return points_per_side();
  }
  if (at.node->kind == options::Node::Kind::scalar) {
    if (const auto count = options::read_integer(at, options::Range::between(1, 10000))) {
      target.points_per_side = static_cast<int>(*count);
    }
    return points_per_side();
  }
  auto array = options::read_array(at);
  if (!array) {
    return {};
  }
  if (array->values.cols() != 2) {
    at.problem(fmt::format("expected a whole number or rows of [x, y], found {} rows of {}",
                           array->values.rows(), array->values.cols()));
    return {};
  }
  target.points = array->values.transpose();
  return std::move(array->resolved);
}

options::Row<PoissonOptions> points_row() {
  options::Row<PoissonOptions> row;
  row.key = "points";
  row.type = "whole number, numbers or file";
  row.help =
      "where u is observed: p for the points ((i+1)/(p+1), (j+1)/(p+1)), j fastest; or rows of "
      "[x, y]; or a file of two columns";
  row.allowed = ">= 1, or in the unit square";
  row.read = read_points;
  row.default_text = [](const PoissonOptions& options) {
    return std::to_string(options.points_per_side);
  };
  return row;
}

}  // namespace

const options::Table<PoissonOptions>& poisson_table() {
  using options::Range;
  static const options::Table<PoissonOptions> table({
      options::integer("n", &PoissonOptions::n, Range::between(2, 40000),
                       "elements along a side of the square"),
      options::integer("k", &PoissonOptions::k, Range::between(1, 40000),
                       "blocks of constant coefficient along a side; divides n"),
      options::real("source", &PoissonOptions::source, Range::any(), "the right-hand side f"),
      points_row(),
      options::real("tolerance", &PoissonOptions::tolerance, Range::between(1e-15, 1e-2),
                    "at which the linear solver stops, relative to its first residual"),
      options::text("petsc_options", &PoissonOptions::petsc_options,
                    "for the linear solver, such as \"-pc_type jacobi\"; -ksp_type cg -pc_type "
                    "bjacobi -sub_pc_type cholesky where they say nothing else"),
  });
  return table;
}

std::vector<model::OptionProblem> poisson_problems(const PoissonOptions& options,
                                                   const model::ProblemSizes& sizes) {
  std::vector<model::OptionProblem> problems;
  const Eigen::Index num_blocks = static_cast<Eigen::Index>(options.k) * options.k;
  if (options.n < 2 || options.k < 1 || options.n % options.k != 0) {
    problems.push_back(
        {"k", fmt::format("expected a divisor of n = {}, found {}", options.n, options.k)});
  } else if (sizes.num_parameters > 0 && sizes.num_parameters != num_blocks) {
    problems.push_back({"k", fmt::format("k = {} makes k x k = {} parameters; the study has {}",
                                         options.k, num_blocks, sizes.num_parameters)});
  }
  if (!std::isfinite(options.source)) {
    problems.push_back({"source", "expected a finite number"});
  }
  if (!(options.tolerance > 0.0)) {
    problems.push_back({"tolerance", fmt::format("expected > 0, found {}", options.tolerance)});
  }
  if (options.points.cols() == 0 && options.points_per_side < 1) {
    problems.push_back({"points", fmt::format("expected >= 1, found {}", options.points_per_side)});
  }
  for (Eigen::Index p = 0; p < options.points.cols(); ++p) {
    const Eigen::Vector2d point = options.points.col(p);
    if (!(point.array() >= 0.0).all() || !(point.array() <= 1.0).all()) {
      problems.push_back(
          {"points", fmt::format("expected points in the unit square, found [{}, {}]", point.x(),
                                 point.y())});
      break;
    }
  }
  const Eigen::Index num_points =
      options.points.cols() > 0
          ? options.points.cols()
          : static_cast<Eigen::Index>(options.points_per_side) * options.points_per_side;
  if (sizes.num_qois > 0 && sizes.num_qois != num_points) {
    problems.push_back({"points", fmt::format("{} points make as many QoIs; the study has {} "
                                              "observations",
                                              num_points, sizes.num_qois)});
  }
  if (!options.petsc_options.empty() && options.petsc_options.front() != '-') {
    problems.push_back({"petsc_options", fmt::format("expected names with a dash, such as "
                                                     "\"-pc_type gamg\", found `{}`",
                                                     options.petsc_options)});
  }
  return problems;
}

std::unique_ptr<model::Model> make_poisson_model(const PoissonOptions& options, MPI_Comm group) {
  require_none(poisson_problems(options, {}));
  return std::make_unique<PoissonModel>(options, group);
}

}  // namespace invar::model_petsc
