#pragma once

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include "doctor/results.hpp"

// The results as JSON: in MessagePack between processes (which keeps every bit, NaN too), as text
// in the report for programs.

template <>
struct nlohmann::adl_serializer<Eigen::VectorXd> {
  static void to_json(json& to, const Eigen::VectorXd& from) {
    to = std::vector<double>(from.begin(), from.end());
  }
  static void from_json(const json& from, Eigen::VectorXd& to) {
    const auto values = from.get<std::vector<double>>();
    to = Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
  }
};

namespace invar::core {

NLOHMANN_JSON_SERIALIZE_ENUM(Status, {{Status::ok, "ok"},
                                      {Status::model_failed, "model_failed"},
                                      {Status::non_finite, "non_finite"},
                                      {Status::timeout, "timeout"},
                                      {Status::crashed, "crashed"},
                                      {Status::bad_output, "bad_output"},
                                      {Status::transport, "transport"},
                                      {Status::cancelled, "cancelled"}})

}  // namespace invar::core

namespace invar::doctor {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Outcome, status, message, qois, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Difference, num_points, num_different, largest_relative,
                                   largest_in_noise, point, qoi, change_of_outcome)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sizes, num_parameters, num_qois, gives_jacobian,
                                   gives_jacobian_vector, gives_vector_jacobian)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Repetition, sizes, build_seconds, outcomes, seconds, again,
                                   has_fresh, fresh, resident_megabytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sensitivity, num_parameters_examined, dead_parameters, dead_qois,
                                   num_failed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DerivativeErrors, step, jacobian, jacobian_vector,
                                   vector_jacobian)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DerivativesAt, point, problem, errors, roughness, mismatch,
                                   product_mismatch, worst_parameter, worst_parameter_error)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Holdings, resident_megabytes, num_descriptors, num_threads,
                                   num_children, next_communicator)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Leaks, num_calls, before, middle, after)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostileRun, name, is_finite, has_died, has_hung, outcome,
                                   afterwards)

}  // namespace invar::doctor
