#include "invar/regression/earlier_runs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/method/state_reader.hpp"
#include "invar/regression/derivative_source.hpp"
#include "invar/regression/draws.hpp"
#include "invar/regression/regression_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using method::StateReader;

constexpr std::int64_t format_version = 1;
constexpr const char* kind = "earlier_runs";
constexpr double most_streams = 4e9;

const char* map_name(space::TransformMap map) {
  return map == space::TransformMap::sigmoid ? "sigmoid" : "arctan";
}

space::TransformMap map_called(const std::string& name) {
  StateReader::require(name == "sigmoid" || name == "arctan", "transform_map", "sigmoid or arctan",
                       name);
  return name == "sigmoid" ? space::TransformMap::sigmoid : space::TransformMap::arctan;
}

bool are_same(const EarlierRuns::Batch& a, const EarlierRuns::Batch& b) {
  return a.stream == b.stream && a.num_drawn == b.num_drawn && method::have_same_bits(a.x, b.x) &&
         method::have_same_bits(a.qois, b.qois) &&
         method::have_same_bits(a.drawn_from.mean, b.drawn_from.mean) &&
         method::have_same_bits(a.drawn_from.lower, b.drawn_from.lower);
}

/// The good runs among those that were drawn.
EarlierRuns::Batch good_runs(EarlierRuns::Batch batch, const MatrixXd& drawn,
                             const method::BatchResult& told) {
  Index num_qois = 0;
  for (const method::Evaluation& one : told.evaluations) {
    num_qois = one.status == method::Status::ok ? one.qois.size() : num_qois;
  }
  std::vector<Index> good;
  for (Index i = 0; i < drawn.cols(); ++i) {
    if (is_good(told.evaluations[static_cast<std::size_t>(i)], num_qois)) {
      good.push_back(i);
    }
  }
  batch.x = drawn(Eigen::all, good);
  batch.qois.resize(num_qois, batch.x.cols());
  bool has_jacobian = false;
  for (std::size_t i = 0; i < good.size(); ++i) {
    const method::Evaluation& one = told.evaluations[static_cast<std::size_t>(good[i])];
    batch.qois.col(static_cast<Index>(i)) = one.qois;
    batch.jacobians.push_back(whole_jacobian(one.derivatives, num_qois, drawn.rows()));
    has_jacobian = has_jacobian || batch.jacobians.back().size() > 0;
  }
  if (!has_jacobian) {
    batch.jacobians.clear();
  }
  return batch;
}

}  // namespace

bool is_good(const method::Evaluation& evaluation, Index num_qois) {
  return evaluation.status == method::Status::ok && evaluation.qois.size() == num_qois &&
         evaluation.qois.allFinite();
}

Index EarlierRuns::num_runs() const {
  return std::accumulate(batches.begin(), batches.end(), Index{0},
                         [](Index sum, const Batch& batch) { return sum + batch.x.cols(); });
}

method::State EarlierRuns::to_state() const {
  const Index d = transform.bounds().min().size();
  const auto count = static_cast<Index>(batches.size());
  Index num_qois = 0;
  Index num_jacobians = 0;
  for (const Batch& batch : batches) {
    num_qois = std::max(num_qois, batch.qois.rows());
    num_jacobians += std::count_if(batch.jacobians.begin(), batch.jacobians.end(),
                                   [](const MatrixXd& j) { return j.size() > 0; });
  }
  VectorXd streams(count);
  VectorXd num_drawn(count);
  VectorXd num_good(count);
  MatrixXd proposals(d, count * (d + 1));
  MatrixXd x(d, num_runs());
  MatrixXd qois(num_qois, x.cols());
  VectorXd with_jacobian(num_jacobians);
  MatrixXd jacobians(num_qois, num_jacobians * d);
  Index run = 0;
  Index jacobian = 0;
  for (Index b = 0; b < count; ++b) {
    const Batch& batch = batches[static_cast<std::size_t>(b)];
    const Index size = batch.x.cols();
    streams[b] = static_cast<double>(batch.stream);
    num_drawn[b] = batch.num_drawn;
    num_good[b] = static_cast<double>(size);
    proposals.middleCols(b * (d + 1), d + 1) << batch.drawn_from.mean, batch.drawn_from.lower;
    if (size > 0) {
      x.middleCols(run, size) = batch.x;
      qois.middleCols(run, size) = batch.qois;
    }
    for (std::size_t i = 0; i < batch.jacobians.size(); ++i) {
      if (batch.jacobians[i].size() > 0) {
        with_jacobian[jacobian] = static_cast<double>(run + static_cast<Index>(i));
        jacobians.middleCols(jacobian * d, d) = batch.jacobians[i];
        ++jacobian;
      }
    }
    run += size;
  }
  method::State state;
  state.set("kind", std::string(kind));
  state.set("format_version", format_version);
  state.set("origin", origin);
  state.set("bounds_min", transform.bounds().min());
  state.set("bounds_max", transform.bounds().max());
  state.set("transform_map", std::string(map_name(transform.map())));
  state.set("transform_interior_margin", transform.interior_margin());
  state.set("streams", streams);
  state.set("num_drawn", num_drawn);
  state.set("num_good", num_good);
  state.set("proposals", proposals);
  state.set("x", x);
  state.set("qois", qois);
  state.set("runs_with_jacobian", with_jacobian);
  state.set("jacobians", jacobians);
  return state;
}

EarlierRuns EarlierRuns::from_state(const method::State& state) {
  const StateReader in(state);
  StateReader::require(state.get<std::string>("kind") == kind, "kind", kind,
                       state.get<std::string>("kind"));
  StateReader::require(state.get<std::int64_t>("format_version") == format_version,
                       "format_version", fmt::to_string(format_version),
                       fmt::to_string(state.get<std::int64_t>("format_version")));
  const auto& lower = state.get<VectorXd>("bounds_min");
  const Index d = lower.size();
  const double margin = in.real("transform_interior_margin");
  StateReader::require(margin >= 0.0 && margin < 0.5, "transform_interior_margin", "in [0, 0.5)",
                       fmt::to_string(margin));
  EarlierRuns runs{
      .origin = state.get<std::string>("origin"),
      .transform = space::Transform(space::Bounds(lower, in.vector("bounds_max", d)),
                                    map_called(state.get<std::string>("transform_map")), margin),
      .batches = {}};
  const auto& streams = state.get<VectorXd>("streams");
  const VectorXd& num_drawn = in.vector("num_drawn", streams.size());
  const VectorXd& num_good = in.vector("num_good", streams.size());
  const MatrixXd& proposals = in.matrix("proposals", d, streams.size() * (d + 1));
  const auto& qois = state.get<MatrixXd>("qois");
  const MatrixXd& x = in.matrix("x", d, qois.cols());
  StateReader::require(x.allFinite(), "x", "finite numbers", "others");
  const auto& with_jacobian = state.get<VectorXd>("runs_with_jacobian");
  const MatrixXd& jacobians = in.matrix("jacobians", qois.rows(), with_jacobian.size() * d);
  Index run = 0;
  Index jacobian = 0;
  for (Index b = 0; b < streams.size(); ++b) {
    StateReader::require(streams[b] >= 0.0 && streams[b] <= most_streams, "streams", "counts",
                         fmt::to_string(streams[b]));
    const auto factor = proposals.middleCols(b * (d + 1) + 1, d);
    StateReader::require(proposals.middleCols(b * (d + 1), d + 1).allFinite() &&
                             (factor.diagonal().array() > 0.0).all(),
                         "proposals", "finite numbers, and positive ones on a factor's diagonal",
                         "others");
    const bool is_sound = num_good[b] >= 0.0 && std::isfinite(num_drawn[b]) &&
                          num_good[b] <= num_drawn[b] &&
                          num_good[b] <= static_cast<double>(x.cols() - run);
    StateReader::require(is_sound, "num_good", "as many runs as there are",
                         fmt::to_string(num_good[b]));
    const auto size = static_cast<Index>(num_good[b]);
    Batch batch{.stream = static_cast<std::int64_t>(streams[b]),
                .drawn_from = {.mean = proposals.col(b * (d + 1)), .lower = factor},
                .num_drawn = num_drawn[b],
                .x = x.middleCols(run, size),
                .qois = qois.middleCols(run, size)};
    for (; jacobian < with_jacobian.size() &&
           with_jacobian[jacobian] < static_cast<double>(run + size);
         ++jacobian) {
      const double at = with_jacobian[jacobian] - static_cast<double>(run);
      StateReader::require(at >= 0.0, "runs_with_jacobian", "ascending", fmt::to_string(at));
      batch.jacobians.resize(static_cast<std::size_t>(size));
      batch.jacobians[static_cast<std::size_t>(at)] = jacobians.middleCols(jacobian * d, d);
    }
    run += size;
    runs.batches.push_back(std::move(batch));
  }
  StateReader::require(run == x.cols() && jacobian == with_jacobian.size(), "num_good",
                       "as many runs as there are", fmt::to_string(run));
  return runs;
}

EarlierRuns earlier_runs(const method::State& state, const method::RecordedRounds& rounds,
                         const space::Space& space, const RegressionViOptions& options) {
  branch_start(state, space, options);  // the state is of this method and of these coordinates
  const StateReader in(state);
  const Index d = space.dimension();
  EarlierRuns runs{.origin = "",
                   .transform = space::Transform(space.bounds, options.transform_map,
                                                 options.transform_interior_margin),
                   .batches = {}};
  const auto& sampled = state.get<VectorXd>("sampled_rounds");
  const VectorXd& num_drawn = in.vector("num_drawn", sampled.size());
  const MatrixXd& proposals = in.matrix("proposals", d, sampled.size() * (d + 1));
  const MatrixXd& keys = in.matrix("sampled_keys", 2, sampled.size());
  for (Index b = 0; b < sampled.size(); ++b) {
    const auto round = static_cast<std::int64_t>(sampled[b]);
    const auto told = rounds.find(round);
    const auto number = static_cast<Index>(num_drawn[b]);
    if (told == rounds.end() || static_cast<Index>(told->second.evaluations.size()) != number) {
      continue;
    }
    const DrawKey key{.stream = static_cast<std::uint32_t>(keys(0, b)),
                      .number = static_cast<std::uint32_t>(keys(1, b))};
    EarlierRuns::Batch batch{.stream = key.stream,
                             .drawn_from = {.mean = proposals.col(b * (d + 1)),
                                            .lower = proposals.middleCols(b * (d + 1) + 1, d)},
                             .num_drawn = num_drawn[b],
                             .x = {},
                             .qois = {}};
    const MatrixXd drawn = batch.drawn_from.points(standard_points(options, key, d, number));
    runs.batches.push_back(good_runs(std::move(batch), drawn, told->second));
  }
  return runs;
}

Index leave_out_known(EarlierRuns& later, const std::vector<EarlierRuns>& known) {
  Index num_left_out = 0;
  std::erase_if(later.batches, [&](const EarlierRuns::Batch& batch) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const EarlierRuns& other) {
      return std::any_of(other.batches.begin(), other.batches.end(),
                         [&](const EarlierRuns::Batch& one) { return are_same(one, batch); });
    });
    num_left_out += is_known ? batch.x.cols() : 0;
    return is_known;
  });
  return num_left_out;
}

}  // namespace invar::regression
