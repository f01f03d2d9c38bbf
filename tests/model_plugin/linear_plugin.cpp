// q = matrix * theta + offset as a plugin, with all derivatives, and ways to go wrong:
// options {matrix: rows, offset: number, fault: name, above: number}; where theta_0 exceeds
// `above`, a run has the fault.
#include <csignal>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include <mpi.h>

#include <Eigen/Dense>
#include <nlohmann/json.hpp>

#include "invar/plugin.h"

namespace {

using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

struct Linear {
  MPI_Comm group = MPI_COMM_NULL;
  MatrixXd matrix;
  double offset = 0.0;
  std::string fault;
  double above = std::numeric_limits<double>::infinity();
  std::string message;
};

std::string create_message;

/// What goes wrong in a run; whether it failed.
bool go_wrong(Linear& model) {
  int rank = 0;
  MPI_Comm_rank(model.group, &rank);
  if (model.fault == "throw" || (model.fault == "throw_on_last" && rank > 0)) {
    throw std::runtime_error("thrown by the plugin");
  }
  if (model.fault == "signal") {
    std::raise(SIGSEGV);
  }
  model.message = "the plugin's own words";
  return model.fault == "fail" || (model.fault == "fail_on_last" && rank > 0);
}

}  // namespace

extern "C" {

#ifndef WITHOUT_INFO
std::int32_t invar_plugin_info(InvarPluginInfo* info) {
  *info = {INVAR_PLUGIN_ABI, sizeof(InvarPluginInfo), sizeof(InvarPluginRequest),
           sizeof(InvarPluginResult),
           INVAR_PLUGIN_JACOBIAN | INVAR_PLUGIN_JACOBIAN_VECTOR | INVAR_PLUGIN_VECTOR_JACOBIAN};
#ifdef WRONG_ABI
  info->abi_version = INVAR_PLUGIN_ABI + 1;
#endif
#ifdef WRONG_SIZE
  info->request_size += 8;
#endif
  return INVAR_PLUGIN_OK;
}
#endif

std::int32_t invar_plugin_create(std::int32_t communicator, const char* text, void** model) {
  const auto options = nlohmann::json::parse(text);
  auto made = std::make_unique<Linear>();
  made->group = MPI_Comm_f2c(communicator);
  made->fault = options.value("fault", "");
  made->offset = options.value("offset", 0.0);
  made->above = options.value("above", made->above);
  if (made->fault == "create") {
    create_message = "no licence for " + std::string(text);
    return 7;
  }
  if (made->fault == "create_throws") {
    throw std::runtime_error("thrown while it was made");
  }
  const auto& rows = options.at("matrix");
  made->matrix.resize(static_cast<Eigen::Index>(rows.size()),
                      static_cast<Eigen::Index>(rows.at(0).size()));
  for (Eigen::Index i = 0; i < made->matrix.rows(); ++i) {
    for (Eigen::Index j = 0; j < made->matrix.cols(); ++j) {
      made->matrix(i, j) = rows.at(static_cast<std::size_t>(i)).at(static_cast<std::size_t>(j));
    }
  }
  *model = made.release();
  return INVAR_PLUGIN_OK;
}

std::int32_t invar_plugin_sizes(void* model, std::int64_t* num_parameters, std::int64_t* num_qois) {
  const auto& linear = *static_cast<Linear*>(model);
  *num_parameters = linear.fault == "sizes" ? -1 : linear.matrix.cols();
  *num_qois = linear.matrix.rows();
  return linear.fault == "sizes_fail" ? 3 : INVAR_PLUGIN_OK;
}

const char* invar_plugin_name(void* /*model*/, std::int32_t kind, std::int64_t index) {
  static const char* const names[] = {"ant", "bee", "cat"};
  return kind == 0 && index < 3 ? names[index] : nullptr;
}

std::int32_t invar_plugin_evaluate(void* model, const InvarPluginRequest* request,
                                   InvarPluginResult* result) {
  auto& linear = *static_cast<Linear*>(model);
  const Map<const VectorXd> theta(request->parameters, request->num_parameters);
  if (!linear.fault.empty() && theta[0] > linear.above && go_wrong(linear)) {
    return INVAR_PLUGIN_FAILED;
  }
  if (linear.fault == "leaves_out") {
    return INVAR_PLUGIN_OK;
  }
  const auto rows = linear.matrix.rows();
  const auto columns = linear.matrix.cols();
  Map<VectorXd>(result->qois, rows) = (linear.matrix * theta).array() + linear.offset;
  if (request->wants_jacobian != 0) {
    Map<MatrixXd>(result->jacobian, rows, columns) = linear.matrix;
  }
  if (request->num_directions > 0) {
    Map<MatrixXd>(result->jacobian_vectors, rows, request->num_directions) =
        linear.matrix * Map<const MatrixXd>(request->directions, columns, request->num_directions);
  }
  if (request->num_weights > 0) {
    Map<MatrixXd>(result->vector_jacobians, columns, request->num_weights) =
        linear.matrix.transpose() *
        Map<const MatrixXd>(request->weights, rows, request->num_weights);
  }
  return INVAR_PLUGIN_OK;
}

void invar_plugin_destroy(void* model) {
  delete static_cast<Linear*>(model);
}

const char* invar_plugin_last_error(void* model) {
  return model == nullptr ? create_message.c_str() : static_cast<Linear*>(model)->message.c_str();
}

}  // extern "C"
