#include "doctor/hostile.hpp"

#include "doctor/difference.hpp"

namespace invar::doctor {

HostileRun check_hostile(Subject& subject, const HostilePoint& point, const Eigen::VectorXd& mean,
                         Outcome& usual, const Eigen::VectorXd& noise_std) {
  subject.prepare();
  if (usual.qois.size() == 0) {
    usual = subject.run(mean).outcome;
  }
  HostileRun found;
  found.name = point.name;
  found.is_finite = point.parameters.allFinite();
  found.outcome = subject.run(point.parameters).outcome;
  found.outcome.qois.resize(0);  // what they are does not matter
  found.afterwards = compare({usual}, {subject.run(mean).outcome}, noise_std);
  return found;
}

}  // namespace invar::doctor
