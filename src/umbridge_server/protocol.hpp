#pragma once

#include <functional>
#include <optional>
#include <string>

#include <Eigen/Core>

#include "invar/model/model.hpp"

namespace invar::umbridge_server {

/// What clients are told of the model.
struct ServedModel {
  std::string name;
  Eigen::Index num_parameters = 0;
  Eigen::Index num_qois = 0;
  model::Capabilities can;
};

/// A response, its body JSON.
struct Response {
  int http_status = 200;
  std::string body;
};

/// Runs the model; none when it is not taken on.
using Run = std::function<std::optional<model::ModelResult>(const model::ModelRequest&)>;

/// Answers a request of the protocol; every failure is an error object.
///
/// MPI: Local.
/// @param path  such as "/Evaluate"
Response respond(const ServedModel& model, const std::string& path, const std::string& body,
                 const Run& run);

/// An error object.
Response error_response(int http_status, const std::string& type, const std::string& message);

}  // namespace invar::umbridge_server
