#include "campaign/drawn_runs.hpp"

#include <cmath>
#include <map>

#include "invar/campaign/start.hpp"
#include "invar/store/restart_point.hpp"

namespace invar::campaign {

using Eigen::Index;
using Eigen::VectorXd;

DrawnRuns drawn_runs(const store::RecordedEvaluations& record, const Study& study,
                     const vi::Target& target) {
  const bool is_clip =
      study.run_vi.bounded_parameter_handling == vi::BoundedParameterHandling::clip;
  const space::Bounds& bounds = study.space.bounds;
  const auto is_on_a_bound = [&](const VectorXd& point) {
    return (point.array() <= bounds.min().array()).any() ||
           (point.array() >= bounds.max().array()).any();
  };
  // A run that came to nothing, or was cut to a bound, was drawn all the same: left out of the
  // mixture it would make the region where runs succeed look more likely.
  std::vector<Index> used;
  std::map<std::int64_t, std::size_t> index_of_round;
  DrawnRuns found;
  vi::DrawnRuns& runs = found.runs;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const auto proposal = record.proposals.find(record.rounds[i]);
    if (record.statuses[i] == Status::cancelled || proposal == record.proposals.end()) {
      continue;
    }
    const auto [at, is_new] = index_of_round.try_emplace(record.rounds[i], runs.proposals.size());
    if (is_new) {
      runs.proposals.push_back(
          {.mean = proposal->second.mean, .log_std = proposal->second.std.array().log()});
      runs.num_drawn.push_back(0.0);
      found.rounds.push_back(record.rounds[i]);
    }
    runs.num_drawn[at->second] += 1.0;
    if (record.statuses[i] != Status::ok ||
        (is_clip && is_on_a_bound(record.points.col(static_cast<Index>(i))))) {
      continue;
    }
    runs.origin.push_back(at->second);
    used.push_back(static_cast<Index>(i));
  }
  runs.points.physical = record.points(Eigen::all, used);
  runs.qois = record.qois(Eigen::all, used);
  runs.points.x = runs.points.physical;
  for (Index i = 0; i < runs.points.x.cols(); ++i) {
    runs.points.x.col(i) = target.transform().to_optimizer(runs.points.physical.col(i));
  }
  return found;
}

vi::Family family_of(const Study& study, const std::filesystem::path& directory) {
  method::State start;
  try {
    start = store::read_restart_file(store::find_restart_file(directory)).state;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_input) {
      throw;
    }
    start = make_method(study, directory, {})->state();  // nothing has been closed yet
  }
  return start.has("correlation_cholesky")
             ? vi::Family::correlated(start.get<Eigen::MatrixXd>("correlation_cholesky"))
             : vi::Family::diagonal(study.space.dimension());
}

}  // namespace invar::campaign
