#include "umbridge_server/protocol.hpp"

#include <cmath>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "invar/core/json_text.hpp"

namespace invar::umbridge_server {
namespace {

using Eigen::Index;
using nlohmann::json;

constexpr int bad_request = 400;
constexpr int not_found = 404;
constexpr int server_error = 500;
constexpr int unavailable = 503;

/// A request that cannot be answered; caught in `respond`.
struct Refusal {
  Response response;
};

[[noreturn]] void refuse(int http_status, const std::string& type, const std::string& message) {
  throw Refusal{error_response(http_status, type, message)};
}

[[noreturn]] void refuse_input(const std::string& message) {
  refuse(bad_request, "InvalidInput", message);
}

std::string text(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The values of a list of `size` finite numbers.
Eigen::VectorXd numbers(const json& values, Index size, std::string_view name) {
  if (!values.is_array() || static_cast<Index>(values.size()) != size) {
    refuse_input(fmt::format(
        "expected `{}` to have {} numbers, found {}", name, size,
        values.is_array() ? fmt::format("{}", values.size()) : std::string(values.type_name())));
  }
  Eigen::VectorXd result(size);
  Index at = 0;
  for (const json& value : values) {
    if (!value.is_number()) {
      refuse_input(fmt::format("expected `{}` to have numbers only, found {} at {} (from 0)", name,
                               value.type_name(), at));
    }
    result[at++] = value.get<double>();
  }
  return result;
}

class Request {
 public:
  Request(const ServedModel& model, const std::string& body) : model_(model) {
    if (core::json_depth(body) > core::greatest_json_depth) {
      refuse_input("expected a request of the protocol, found lists that lie too deep in lists");
    }
    try {
      body_ = json::parse(body);
    } catch (const json::exception& error) {
      refuse_input(std::string("expected JSON: ") + error.what());
    }
    if (!body_.is_object()) {
      refuse_input(std::string("expected a JSON object, found ") + body_.type_name());
    }
    const auto name = body_.find("name");
    if (name == body_.end() || *name != json(model.name)) {
      refuse(bad_request, "ModelNotFound",
             fmt::format("expected `name` to be {}, found {}", text(model.name),
                         name == body_.end() ? "nothing" : text(*name).substr(0, 80)));
    }
  }

  /// `input`, of one list.
  [[nodiscard]] Eigen::VectorXd input() const {
    const json& lists = field("input");
    if (!lists.is_array() || lists.size() != 1) {
      refuse_input(fmt::format(
          "expected `input` to be 1 list of {} numbers, found {}", model_.num_parameters,
          lists.is_array() ? fmt::format("{}", lists.size()) : std::string(lists.type_name())));
    }
    return numbers(lists[0], model_.num_parameters, "input[0]");
  }

  /// There is one input and one output, so an index is 0.
  void check_index(const char* name) const {
    const json& index = field(name);
    if (!index.is_number_integer() || index != json(0)) {
      refuse_input(fmt::format("expected `{}` to be 0, the only index, found {}", name,
                               text(index).substr(0, 80)));
    }
  }

  [[nodiscard]] Eigen::VectorXd vector(const char* name, Index size) const {
    return numbers(field(name), size, name);
  }

 private:
  [[nodiscard]] const json& field(const char* name) const {
    const auto at = body_.find(name);
    if (at == body_.end()) {
      refuse_input(fmt::format("expected `{}` in the request, found none", name));
    }
    return *at;
  }

  const ServedModel& model_;
  json body_;
};

json list(const Eigen::VectorXd& values) {
  json all = json::array();
  all.get_ref<json::array_t&>().assign(values.begin(), values.end());
  return all;
}

/// The numbers that were asked for, if the run has given them.
Eigen::VectorXd checked(const Eigen::VectorXd& values, Index size) {
  if (values.size() != size) {
    refuse(server_error, "InvalidOutput",
           fmt::format("expected {} numbers of the model, found {}", size, values.size()));
  }
  for (Index i = 0; i < size; ++i) {
    if (!std::isfinite(values[i])) {
      refuse(server_error, "InvalidOutput",
             fmt::format("number {} of the model's output is {} (counted from 0)", i, values[i]));
    }
  }
  return values;
}

model::ModelResult run_it(const model::ModelRequest& request, const Run& run) {
  auto result = run(request);
  if (!result || result->status == Status::cancelled) {
    refuse(unavailable, "ServerBusy",
           result ? result->message : "the queue of requests is full; try again later");
  }
  if (!result->is_ok()) {
    refuse(server_error, "InvalidOutput",
           fmt::format("{}: {}", core::status_name(result->status), result->message));
  }
  return *std::move(result);
}

json evaluate(const ServedModel& model, const Request& asked, const Run& run) {
  const auto result = run_it(asked.input(), run);
  return json::array({list(checked(result.qois, model.num_qois))});
}

json gradient(const ServedModel& model, const Request& asked, const Run& run) {
  asked.check_index("outWrt");
  asked.check_index("inWrt");
  model::ModelRequest request(asked.input());
  const Eigen::VectorXd weights = asked.vector("sens", model.num_qois);
  if (model.can.vector_jacobian) {
    request.weights = weights;
    return list(checked(run_it(request, run).vector_jacobians.reshaped(), model.num_parameters));
  }
  request.wants_jacobian = true;
  const auto result = run_it(request, run);
  checked(result.jacobian.reshaped(), model.num_qois * model.num_parameters);
  return list(result.jacobian.transpose() * weights);
}

json apply_jacobian(const ServedModel& model, const Request& asked, const Run& run) {
  asked.check_index("outWrt");
  asked.check_index("inWrt");
  model::ModelRequest request(asked.input());
  const Eigen::VectorXd direction = asked.vector("vec", model.num_parameters);
  if (model.can.jacobian_vector) {
    request.directions = direction;
    return list(checked(run_it(request, run).jacobian_vectors.reshaped(), model.num_qois));
  }
  request.wants_jacobian = true;
  const auto result = run_it(request, run);
  checked(result.jacobian.reshaped(), model.num_qois * model.num_parameters);
  return list(result.jacobian * direction);
}

json answer(const ServedModel& model, const std::string& path, const std::string& body,
            const Run& run) {
  const bool has_gradient = model.can.vector_jacobian || model.can.jacobian;
  const bool has_derivative = model.can.jacobian_vector || model.can.jacobian;
  const auto support = [&path](bool is_supported) {
    if (!is_supported) {
      refuse(bad_request, "UnsupportedFeature", path.substr(1) + " is not supported by this model");
    }
  };
  if (path == "/Info") {
    return {{"protocolVersion", 1.0}, {"models", {model.name}}};
  }
  const Request asked(model, body);
  if (path == "/ModelInfo") {
    return {{"support",
             {{"Evaluate", true},
              {"Gradient", has_gradient},
              {"ApplyJacobian", has_derivative},
              {"ApplyHessian", false}}}};
  }
  if (path == "/InputSizes") {
    return {{"inputSizes", {model.num_parameters}}};
  }
  if (path == "/OutputSizes") {
    return {{"outputSizes", {model.num_qois}}};
  }
  if (path == "/Evaluate") {
    return {{"output", evaluate(model, asked, run)}};
  }
  if (path == "/Gradient") {
    support(has_gradient);
    return {{"output", gradient(model, asked, run)}};
  }
  if (path == "/ApplyJacobian") {
    support(has_derivative);
    return {{"output", apply_jacobian(model, asked, run)}};
  }
  support(path != "/ApplyHessian");
  refuse(not_found, "InvalidInput", "there is nothing at " + path.substr(0, 80));
}

}  // namespace

Response error_response(int http_status, const std::string& type, const std::string& message) {
  return {.http_status = http_status,
          .body = text({{"error", {{"type", type}, {"message", message}}}})};
}

Response respond(const ServedModel& model, const std::string& path, const std::string& body,
                 const Run& run) {
  try {
    return {.http_status = 200, .body = text(answer(model, path, body, run))};
  } catch (const Refusal& refusal) {
    return refusal.response;
  } catch (const std::exception& error) {
    return error_response(server_error, "InvalidOutput", error.what());
  }
}

}  // namespace invar::umbridge_server
