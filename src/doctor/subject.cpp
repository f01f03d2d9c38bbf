#include "doctor/subject.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <tuple>
#include <utility>
#include <vector>

#include <mpi.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "doctor/holdings.hpp"
#include "invar/parallel/agree.hpp"

namespace invar::doctor {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

json numbers(const Eigen::MatrixXd& matrix) {
  return {{"rows", matrix.rows()},
          {"values", std::vector<double>(matrix.data(), matrix.data() + matrix.size())}};
}

Eigen::MatrixXd matrix(const json& from) {
  const auto values = from.at("values").get<std::vector<double>>();
  const auto rows = from.at("rows").get<Eigen::Index>();
  const Eigen::Index columns = rows == 0 ? 0 : static_cast<Eigen::Index>(values.size()) / rows;
  return Eigen::Map<const Eigen::MatrixXd>(values.data(), rows, columns);
}

std::string bytes_of(const json& order) {
  std::string bytes;
  json::to_msgpack(order, bytes);
  return bytes;
}

json order_to_run(const model::ModelRequest& request) {
  return {{"do", "run"},
          {"id", request.id},
          {"parameters", numbers(request.parameters)},
          {"wants_jacobian", request.wants_jacobian},
          {"directions", numbers(request.directions)},
          {"weights", numbers(request.weights)}};
}

model::ModelRequest request_of(const json& order) {
  model::ModelRequest request(Eigen::VectorXd(matrix(order.at("parameters")).reshaped()),
                              order.at("id").get<std::int64_t>());
  request.wants_jacobian = order.at("wants_jacobian").get<bool>();
  request.directions = matrix(order.at("directions"));
  request.weights = matrix(order.at("weights"));
  return request;
}

/// What a campaign would make of a result.
Outcome judge(const model::ModelResult& result, Eigen::Index num_qois) {
  Outcome outcome{.status = result.status, .message = result.message, .qois = {}};
  if (!result.is_ok()) {
    return outcome;
  }
  if (result.qois.size() != num_qois) {
    outcome.status = Status::bad_output;
    outcome.message = fmt::format("expected {} QoIs, found {}", num_qois, result.qois.size());
    return outcome;
  }
  outcome.qois = result.qois;
  if (!result.qois.allFinite()) {
    outcome.status = Status::non_finite;
    outcome.message = fmt::format("{} of {} QoIs are not finite",
                                  result.qois.size() - result.qois.array().isFinite().count(),
                                  result.qois.size());
  }
  return outcome;
}

}  // namespace

void Subject::tell(const std::string& order) const {
  if (setup_.team->size() > 1) {
    std::string bytes = order;
    parallel::broadcast(*setup_.team, bytes);
  }
}

void Subject::make() {
  model_.reset();
  model_ = parallel::agree(*setup_.team, [&] {
    auto made = setup_.make(setup_.group);
    INVAR_EXPECTS(made != nullptr);
    return made;
  });
  if (setup_.timeout_s) {
    model_->limit_time(*setup_.timeout_s);
  }
}

double Subject::renew() {
  on_begin(nullptr);
  tell(bytes_of({{"do", "renew"}}));
  const Clock::time_point begin = Clock::now();
  make();
  return seconds_since(begin);
}

void Subject::prepare() {
  if (!model_) {
    renew();
  }
}

Answer Subject::run(const model::ModelRequest& request) {
  on_begin(&request);
  if (setup_.team->size() > 1) {
    tell(bytes_of(order_to_run(request)));
  }
  return evaluate(request);
}

Answer Subject::evaluate(const model::ModelRequest& request) {
  INVAR_EXPECTS(model_ != nullptr);
  MPI_Barrier(setup_.team->get());  // the others wake up in naps, which are not the model's time
  Answer answer;
  double seconds = 0.0;
  try {
    answer.result = parallel::agree(*setup_.team, [&] {
      const Clock::time_point begin = Clock::now();
      model::ModelResult result = model_->evaluate(request);
      seconds = seconds_since(begin);
      return result;
    });
    answer.outcome = judge(answer.result, model_->num_qois());
  } catch (const std::exception& error) {
    answer.outcome.status = Status::crashed;
    answer.outcome.message = fmt::format("an exception: {}", error.what());
  }
  answer.outcome.seconds = seconds;
  return answer;
}

Holdings Subject::count() const {
  Holdings mine = holdings_of_process();
  mine.next_communicator = next_communicator(setup_.group);
  std::array<double, 5> figures = {mine.resident_megabytes, mine.num_descriptors, mine.num_threads,
                                   mine.num_children, mine.next_communicator};
  MPI_Allreduce(MPI_IN_PLACE, figures.data(), static_cast<int>(figures.size()), MPI_DOUBLE, MPI_MAX,
                setup_.team->get());
  return {.resident_megabytes = figures[0],
          .num_descriptors = figures[1],
          .num_threads = figures[2],
          .num_children = figures[3],
          .next_communicator = figures[4]};
}

Holdings Subject::holdings() {
  tell(bytes_of({{"do", "count"}}));
  return count();
}

void Subject::dismiss() {
  tell(bytes_of({{"do", "leave"}}));
  model_.reset();
}

void Subject::serve() {
  while (true) {
    std::string bytes;
    parallel::broadcast(*setup_.team, bytes);
    const json order = json::from_msgpack(bytes);
    const auto what = order.at("do").get<std::string>();
    if (what == "leave") {
      model_.reset();
      return;
    }
    if (what == "renew") {
      try {
        make();
      } catch (const parallel::CollectiveError&) {  // rank 0 has it too, and goes on as it likes
      }
    } else if (what == "count") {
      std::ignore = count();
    } else {
      evaluate(request_of(order));
    }
  }
}

Sizes Subject::sizes() const {
  INVAR_EXPECTS(model_ != nullptr);
  const model::Capabilities can = model_->capabilities();
  return {.num_parameters = static_cast<long>(model_->num_parameters()),
          .num_qois = static_cast<long>(model_->num_qois()),
          .gives_jacobian = can.jacobian,
          .gives_jacobian_vector = can.jacobian_vector,
          .gives_vector_jacobian = can.vector_jacobian};
}

}  // namespace invar::doctor
