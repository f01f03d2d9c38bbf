#include "doctor/points.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/Cholesky>
#include <fmt/format.h>

#include "invar/core/random.hpp"

namespace invar::doctor {
namespace {

// The check's own iteration numbers keep its draws apart from each other.
constexpr std::uint32_t iteration_of_points = 0;
constexpr std::uint32_t iteration_of_directions = 1;

// How near to a bound a point may lie, as a share of the width or of the prior's std.
constexpr double margin = 0.05;

// How far is far, in prior standard deviations.
constexpr double far = 1e3;
constexpr double very_far = 1e6;

// So many parameters are made hostile alone.
constexpr Eigen::Index most_alone = 4;

Eigen::VectorXd pull_inside(const space::Space& space, Eigen::VectorXd x) {
  for (Eigen::Index j = 0; j < x.size(); ++j) {
    const double low = space.bounds.min()[j];
    const double high = space.bounds.max()[j];
    const double distance = margin * std::min(space.prior.std()[j], high - low);
    x[j] = std::max(std::min(x[j], high - distance), low + distance);
  }
  return x;
}

}  // namespace

Eigen::MatrixXd usual_points(const space::Space& space, std::uint64_t seed,
                             Eigen::Index num_draws) {
  const Eigen::Index d = space.dimension();
  const core::StreamKey key{.seed = seed,
                            .purpose = core::Purpose::examination,
                            .iteration = iteration_of_points,
                            .block = 0};
  Eigen::MatrixXd draws = core::standard_normals(key, d, num_draws);
  if (space.prior.family() == space::GaussianFamily::diagonal) {
    draws = space.prior.std().asDiagonal() * draws;
  } else {
    draws = space.prior.covariance().llt().matrixL() * draws;
  }
  Eigen::MatrixXd points(d, 1 + num_draws);
  points.col(0) = pull_inside(space, space.prior.mean());
  for (Eigen::Index i = 0; i < num_draws; ++i) {
    points.col(1 + i) = pull_inside(space, space.prior.mean() + draws.col(i));
  }
  return points;
}

std::string name_of_point(long index) {
  return index == 0 ? "the prior mean" : fmt::format("draw {}", index);
}

Eigen::VectorXd random_direction(const space::Space& space, std::uint64_t seed,
                                 std::uint32_t which) {
  const core::StreamKey key{.seed = seed,
                            .purpose = core::Purpose::examination,
                            .iteration = iteration_of_directions,
                            .block = which};
  const Eigen::Index d = space.dimension();
  return core::standard_normals(key, d, 1).col(0).cwiseProduct(space.prior.std()) /
         std::sqrt(static_cast<double>(d));
}

double largest_step(const space::Space& space, const Eigen::VectorXd& x, const Eigen::VectorXd& v,
                    double wanted) {
  double step = wanted;
  for (Eigen::Index j = 0; j < x.size(); ++j) {
    if (v[j] != 0) {
      const double room = std::min(x[j] - space.bounds.min()[j], space.bounds.max()[j] - x[j]);
      step = std::min(step, room / std::abs(v[j]));
    }
  }
  return step;
}

std::vector<HostilePoint> hostile_points(const space::Space& space) {
  const Eigen::VectorXd& mean = space.prior.mean();
  const Eigen::VectorXd& std = space.prior.std();
  const Eigen::Index d = mean.size();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();

  std::vector<HostilePoint> points;
  const auto add = [&points](std::string name, Eigen::VectorXd at) -> Eigen::VectorXd& {
    points.push_back({.name = std::move(name), .parameters = std::move(at)});
    return points.back().parameters;
  };
  const auto add_all = [&](const char* name, double value) {
    add(name, Eigen::VectorXd::Constant(d, value));
  };
  const auto off_by = [](const std::string& what, double distance) {
    return fmt::format("{} {:g} std {} the prior mean", what, std::abs(distance),
                       distance > 0 ? "above" : "below");
  };

  add_all("NaN in all", nan);
  for (Eigen::Index j = 0; j < std::min(d, most_alone); ++j) {
    add(fmt::format("NaN in {}", space.names[static_cast<std::size_t>(j)]), mean)[j] = nan;
  }
  add_all("+infinity in all", infinity);
  add_all("-infinity in all", -infinity);
  for (const double distance : {far, -far, very_far, -very_far}) {
    add(off_by("all", distance), mean + distance * std);
  }
  for (Eigen::Index j = 0; j < std::min(d, most_alone); ++j) {
    for (const double distance : {far, -far}) {
      add(off_by(space.names[static_cast<std::size_t>(j)], distance), mean)[j] += distance * std[j];
    }
  }
  if (space.bounds.has_any()) {
    const Eigen::VectorXd& low = space.bounds.min();
    const Eigen::VectorXd& high = space.bounds.max();
    add("a std below all lower bounds", low.array().isFinite().select(low - std, mean));
    add("a std above all upper bounds", high.array().isFinite().select(high + std, mean));
  }
  add_all("1e308 in all", 1e308);
  return points;
}

}  // namespace invar::doctor
