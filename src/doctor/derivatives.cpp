#include "doctor/derivatives.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "doctor/points.hpp"
#include "doctor/sensitivity.hpp"
#include "invar/core/random.hpp"

namespace invar::doctor {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double largest_step_wanted = 0.1;
// Beyond this the columns of a Jacobian are looked at one by one.
constexpr double suspicious = 1e-4;
constexpr std::uint32_t iteration_of_weights = 2;

/// The central difference along v; none where a run failed.
std::optional<Eigen::VectorXd> slope(Subject& subject, const Eigen::VectorXd& x,
                                     const Eigen::VectorXd& v, double step) {
  const Outcome ahead = subject.run(Eigen::VectorXd(x + step * v)).outcome;
  const Outcome behind = subject.run(Eigen::VectorXd(x - step * v)).outcome;
  if (!ahead.is_ok() || !behind.is_ok()) {
    return std::nullopt;
  }
  return (ahead.qois - behind.qois) / (2 * step);
}

/// |a - b| / |b|; 0 when both are zero.
double relative_distance(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  const double distance = (a - b).norm();
  return distance == 0 ? 0.0 : distance / b.norm();
}

/// What the model said at x, and the numbers that it was asked with.
struct Given {
  Sizes sizes;
  Eigen::VectorXd v;  // d
  Eigen::VectorXd w;  // m
  model::ModelResult result;
};

std::string shape_problem(const char* what, const Eigen::MatrixXd& found, long rows, long columns) {
  return found.rows() == rows && found.cols() == columns
             ? ""
             : fmt::format("{}: expected {} x {}, found {} x {}", what, rows, columns, found.rows(),
                           found.cols());
}

/// What is wrong with the shapes or the numbers of the derivatives; or "".
std::string problem_of(const Given& given) {
  const long m = given.sizes.num_qois;
  const long d = given.sizes.num_parameters;
  std::string problem;
  const auto look_at = [&](bool is_given, const char* what, const Eigen::MatrixXd& found, long rows,
                           long columns) {
    if (!is_given || !problem.empty()) {
      return;
    }
    problem = shape_problem(what, found, rows, columns);
    if (problem.empty() && !found.allFinite()) {
      problem = fmt::format("{}: not all numbers are finite", what);
    }
  };
  look_at(given.sizes.gives_jacobian, "Jacobian", given.result.jacobian, m, d);
  look_at(given.sizes.gives_jacobian_vector, "J v", given.result.jacobian_vectors, m, 1);
  look_at(given.sizes.gives_vector_jacobian, "w^T J", given.result.vector_jacobians, d, 1);
  return problem;
}

DerivativeErrors errors_of(const Given& given, const Eigen::VectorXd& slope, double step) {
  DerivativeErrors errors{
      .step = step, .jacobian = nan, .jacobian_vector = nan, .vector_jacobian = nan};
  if (given.sizes.gives_jacobian) {
    errors.jacobian = relative_distance(given.result.jacobian * given.v, slope);
  }
  if (given.sizes.gives_jacobian_vector) {
    errors.jacobian_vector = relative_distance(given.result.jacobian_vectors.col(0), slope);
  }
  if (given.sizes.gives_vector_jacobian) {
    const double distance =
        std::abs(given.result.vector_jacobians.col(0).dot(given.v) - given.w.dot(slope));
    errors.vector_jacobian = distance == 0 ? 0.0 : distance / (given.w.norm() * slope.norm());
  }
  return errors;
}

/// How far what the model says of J is from what it says of it elsewhere.
void compare_among_each_other(const Given& given, DerivativesAt& found) {
  const model::ModelResult& result = given.result;
  const Sizes& sizes = given.sizes;
  found.mismatch = nan;
  found.product_mismatch = nan;
  if (sizes.gives_jacobian && sizes.gives_jacobian_vector) {
    found.product_mismatch =
        relative_distance(result.jacobian_vectors.col(0), result.jacobian * given.v);
  }
  if (sizes.gives_vector_jacobian && (sizes.gives_jacobian || sizes.gives_jacobian_vector)) {
    const Eigen::VectorXd forward = sizes.gives_jacobian_vector
                                        ? Eigen::VectorXd(result.jacobian_vectors.col(0))
                                        : Eigen::VectorXd(result.jacobian * given.v);
    const double distance =
        std::abs(given.w.dot(forward) - result.vector_jacobians.col(0).dot(given.v));
    found.mismatch = distance == 0 ? 0.0 : distance / (given.w.norm() * forward.norm());
  }
}

void find_worst_column(Subject& subject, const space::Space& space, const Eigen::VectorXd& x,
                       const Given& given, double step, DerivativesAt& found) {
  for (Eigen::Index j = 0; j < std::min(x.size(), most_parameters_moved); ++j) {
    const Eigen::VectorXd v = Eigen::VectorXd::Unit(x.size(), j) * space.prior.std()[j];
    const auto column = slope(subject, x, v, largest_step(space, x, v, step));
    if (!column) {
      continue;
    }
    const Eigen::VectorXd said = given.result.jacobian.col(j) * space.prior.std()[j];
    const double distance = (said - *column).norm();
    const double error = distance == 0 ? 0.0 : distance / std::max(said.norm(), column->norm());
    if (error > found.worst_parameter_error) {
      found.worst_parameter_error = error;
      found.worst_parameter = static_cast<long>(j);
    }
  }
}

}  // namespace

DerivativesAt check_derivatives(Subject& subject, const space::Space& space,
                                const Eigen::VectorXd& x, std::uint64_t seed, long which) {
  subject.prepare();
  DerivativesAt found;
  found.point = which;
  Given given;
  given.sizes = subject.sizes();
  const auto block = static_cast<std::uint32_t>(which);
  given.v = random_direction(space, seed, block);
  given.v *= largest_step(space, x, given.v, largest_step_wanted) / largest_step_wanted;
  given.w = core::standard_normals({.seed = seed,
                                    .purpose = core::Purpose::examination,
                                    .iteration = iteration_of_weights,
                                    .block = block},
                                   given.sizes.num_qois, 1)
                .col(0);
  model::ModelRequest request(x);
  request.wants_jacobian = given.sizes.gives_jacobian;
  if (given.sizes.gives_jacobian_vector) {
    request.directions = given.v;
  }
  if (given.sizes.gives_vector_jacobian) {
    request.weights = given.w;
  }
  Answer answer = subject.run(request);
  if (!answer.outcome.is_ok()) {
    found.problem = fmt::format("the run with derivatives ended as {}: {}",
                                core::status_name(answer.outcome.status), answer.outcome.message);
    return found;
  }
  given.result = std::move(answer.result);
  found.problem = problem_of(given);
  if (!found.problem.empty()) {
    return found;
  }
  compare_among_each_other(given, found);

  found.roughness = std::numeric_limits<double>::infinity();
  std::optional<Eigen::VectorXd> before;
  double best_step = largest_step_wanted;
  double smallest_error = std::numeric_limits<double>::infinity();
  double step = largest_step_wanted;
  for (int i = 0; i < num_derivative_steps; ++i, step /= 10) {
    auto now = slope(subject, x, given.v, step);
    if (now) {
      found.errors.push_back(errors_of(given, *now, step));
      if (before) {
        found.roughness = std::min(found.roughness, relative_distance(*before, *now));
      }
      if (found.errors.back().jacobian < smallest_error) {
        smallest_error = found.errors.back().jacobian;
        best_step = step;
      }
    }
    before = std::move(now);
  }
  if (found.errors.empty()) {
    found.problem = "the runs for the differences failed";
  } else if (given.sizes.gives_jacobian && smallest_error > suspicious) {
    find_worst_column(subject, space, x, given, best_step, found);
  }
  return found;
}

}  // namespace invar::doctor
