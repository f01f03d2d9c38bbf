#include "doctor/leaks.hpp"

namespace invar::doctor {
namespace {

model::ModelRequest request_number(long number, const Sizes& sizes, const Eigen::MatrixXd& points) {
  model::ModelRequest request(Eigen::VectorXd(points.col(number % points.cols())));
  if (number % 4 == 3) {
    request.wants_jacobian = sizes.gives_jacobian;
    if (sizes.gives_jacobian_vector) {
      request.directions = Eigen::VectorXd::Ones(sizes.num_parameters);
    }
    if (sizes.gives_vector_jacobian) {
      request.weights = Eigen::VectorXd::Ones(sizes.num_qois);
    }
  }
  return request;
}

}  // namespace

Leaks check_leaks(Subject& subject, const Eigen::MatrixXd& points, long num_calls) {
  subject.prepare();
  const Sizes sizes = subject.sizes();
  const auto run = [&](long from, long to) {
    for (long i = from; i < to; ++i) {
      subject.run(request_number(i, sizes, points));
    }
  };
  run(0, num_calls_to_settle);
  Leaks found;
  found.num_calls = num_calls;
  found.before = subject.holdings();
  run(0, num_calls / 2);
  found.middle = subject.holdings();
  run(num_calls / 2, num_calls);
  found.after = subject.holdings();
  return found;
}

}  // namespace invar::doctor
