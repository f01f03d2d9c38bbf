#include "doctor/repetition.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "doctor/difference.hpp"

namespace invar::doctor {
namespace {

std::vector<Outcome> run_all(Subject& subject, const Eigen::MatrixXd& points) {
  std::vector<Outcome> outcomes;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    outcomes.push_back(subject.run(Eigen::VectorXd(points.col(i))).outcome);
  }
  return outcomes;
}

void add_seconds(const std::vector<Outcome>& outcomes, std::size_t from,
                 std::vector<double>& seconds) {
  for (std::size_t i = from; i < outcomes.size(); ++i) {
    if (outcomes[i].is_ok()) {
      seconds.push_back(outcomes[i].seconds);
    }
  }
}

}  // namespace

Repetition check_repetition(Subject& subject, const Eigen::MatrixXd& points,
                            const Eigen::VectorXd& noise_std, bool with_fresh) {
  Repetition found;
  found.build_seconds = subject.renew();
  found.sizes = subject.sizes();
  if (found.sizes.num_parameters != points.rows()) {
    return found;  // there is nothing that it could be asked
  }
  found.outcomes = run_all(subject, points);
  add_seconds(found.outcomes, 1, found.seconds);  // the first run pays for first touches

  std::vector<Outcome> again = run_all(subject, points.rowwise().reverse());
  std::reverse(again.begin(), again.end());
  add_seconds(again, 0, found.seconds);
  found.again = compare(found.outcomes, again, noise_std);

  if (with_fresh) {
    subject.renew();
    const std::vector<Outcome> fresh = run_all(subject, points);
    add_seconds(fresh, 0, found.seconds);
    found.has_fresh = true;
    found.fresh = compare(found.outcomes, fresh, noise_std);
  }
  found.resident_megabytes = subject.holdings().resident_megabytes;
  return found;
}

}  // namespace invar::doctor
