#include "invar/model_umbridge/umbridge.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "invar/core/error.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/session.hpp"
#include "model_umbridge/protocol.hpp"
#include "model_umbridge/server_link.hpp"

namespace invar::model_umbridge {
namespace {

using Clock = Connection::Clock;
using Eigen::Index;
using nlohmann::json;

constexpr double protocol_version = 1.0;
// Attempts at the start last as long as the start's time limit does.
constexpr int until_the_deadline = std::numeric_limits<int>::max();
// A number in JSON takes about 25 bytes; some servers put blanks and line breaks around it.
constexpr std::size_t bytes_per_number = 256;
constexpr std::size_t bytes_besides = std::size_t{1} << 20U;

Clock::time_point after(std::optional<double> seconds) {
  // Beyond years there is no difference, and the clock's counter must not overflow.
  constexpr double longest_s = 1e8;
  return seconds && *seconds < longest_s
             ? Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(*seconds))
             : Clock::time_point::max();
}

Index sum(const std::vector<Index>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), Index{0});
}

/// What a server says of its model.
struct Description {
  std::string name;
  std::vector<Index> inputs;   // sizes
  std::vector<Index> outputs;  // sizes
  model::Capabilities can;
};

/// Asks a server what it has; rank 0 of the group only.
class Introduction {
 public:
  Introduction(ServerLink& link, const UmbridgeOptions& options)
      : link_(link), options_(options), deadline_(after(options.start_timeout_s)) {}

  /// @throws Error(config, unavailable)
  Description description() {
    Description found;
    found.name = model_name();
    const json support = field(ask("/ModelInfo", json{{"name", found.name}}), "support");
    const auto supports = [&support](const char* what) {
      return support.is_object() && support.contains(what) && support.at(what) == json(true);
    };
    if (!supports("Evaluate")) {
      refuse(fmt::format("expected the model `{}` to support Evaluate, found {}", found.name,
                         support.dump()));
    }
    const json of_model{{"name", found.name}, {"config", json::parse(options_.config)}};
    found.inputs = sizes(ask("/InputSizes", of_model), "inputSizes");
    found.outputs = sizes(ask("/OutputSizes", of_model), "outputSizes");
    found.can.vector_jacobian = supports("Gradient");
    found.can.jacobian_vector = supports("ApplyJacobian");
    found.can.jacobian = found.can.vector_jacobian || found.can.jacobian_vector;
    return found;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::config, fmt::format("model.url: {}: {}", link_.url(), what));
  }

  json ask(const std::string& path, const std::optional<json>& body) {
    const Answer answer = link_.ask(path, body ? std::optional(body_text(*body)) : std::nullopt,
                                    deadline_, until_the_deadline);
    Reply reply = read_reply(answer);
    if (reply.status == Status::transport || reply.status == Status::timeout) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("model.url: {}{}: {} (waited up to model.start_timeout_s = {} s); is "
                              "the server running?",
                              link_.url(), path, reply.message, options_.start_timeout_s));
    }
    if (reply.status != Status::ok) {
      refuse(fmt::format("{}: {}", path, reply.message));
    }
    return std::move(reply.body);
  }

  json field(const json& body, const char* name) const {
    const auto at = body.find(name);
    if (at == body.end()) {
      refuse(fmt::format("expected `{}` in an answer, found {}", name, body.dump().substr(0, 80)));
    }
    return *at;
  }

  std::string model_name() {
    const json info = ask("/Info", std::nullopt);
    const json version = field(info, "protocolVersion");
    // A number in practice, text in the protocol's description.
    const bool is_ours = (version.is_number() && version.get<double>() == protocol_version) ||
                         version == json("1.0") || version == json("1");
    if (!is_ours) {
      refuse(fmt::format("expected version 1.0 of the UM-Bridge protocol, found {}",
                         version.dump().substr(0, 80)));
    }
    std::vector<std::string> names;
    for (const json& name : field(info, "models")) {
      if (name.is_string()) {
        names.push_back(name.get<std::string>());
      }
    }
    if (options_.name.empty() && names.size() == 1) {
      return names.front();
    }
    if (std::find(names.begin(), names.end(), options_.name) == names.end()) {
      refuse(fmt::format(
          "expected `model.name` to be one of the server's models ({}), found {}",
          names.empty() ? std::string("none") : fmt::format("{}", fmt::join(names, ", ")),
          options_.name.empty() ? "nothing" : "`" + options_.name + "`"));
    }
    return options_.name;
  }

  [[nodiscard]] std::vector<Index> sizes(const json& body, const char* name) const {
    constexpr Index largest = 1'000'000'000;
    const json all = field(body, name);
    std::vector<Index> found;
    Index total = 0;
    for (const json& one : all) {
      const bool is_size = one.is_number() && one.get<double>() >= 1 &&
                           one.get<double>() <= static_cast<double>(largest) &&
                           std::floor(one.get<double>()) == one.get<double>();
      if (all.is_array() && is_size) {
        found.push_back(static_cast<Index>(one.get<double>()));
        total += found.back();
      }
    }
    if (!all.is_array() || all.empty() || found.size() != all.size() || total > largest) {
      refuse(fmt::format("expected `{}` to be a list of whole numbers above 0, found {}", name,
                         all.dump().substr(0, 80)));
    }
    return found;
  }

  ServerLink& link_;
  const UmbridgeOptions& options_;
  Clock::time_point deadline_;
};

std::size_t longest_answer(const Description& of) {
  return bytes_besides +
         bytes_per_number * static_cast<std::size_t>(std::max(sum(of.inputs), sum(of.outputs)));
}

class UmbridgeModel final : public model::Model {
 public:
  UmbridgeModel(const UmbridgeOptions& options, Description description,
                std::unique_ptr<ServerLink> link)
      : description_(std::move(description)),
        config_(json::parse(options.config)),
        retries_(options.connection_retries),
        link_(std::move(link)) {
    if (link_) {
      link_->set_longest(longest_answer(description_));
    }
  }

  [[nodiscard]] Index num_parameters() const override { return sum(description_.inputs); }
  [[nodiscard]] Index num_qois() const override { return sum(description_.outputs); }
  [[nodiscard]] model::Capabilities capabilities() const override { return description_.can; }

  void limit_time(double timeout_s) override { timeout_s_ = timeout_s; }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    INVAR_EXPECTS(request.parameters.size() == num_parameters());
    if (!link_) {
      return {};
    }
    for (Index i = 0; i < request.parameters.size(); ++i) {
      if (!std::isfinite(request.parameters[i])) {
        return failure(
            Status::model_failed,
            fmt::format("parameter {} is {}, which cannot be sent to {} (counted from 0)", i,
                        request.parameters[i], link_->url()));
      }
    }
    deadline_ = after(timeout_s_);
    body_ = {{"name", description_.name},
             {"config", config_},
             {"input", lists(request.parameters, description_.inputs)}};
    model::ModelResult result;
    const Numbers qois = ask("/Evaluate", body_, description_.outputs, Nesting::lists);
    if (!qois.is_ok()) {
      return failure(qois.status, qois.message);
    }
    result.qois = qois.values;
    add_derivatives(request, result);
    return result;
  }

 private:
  static model::ModelResult failure(Status status, std::string message) {
    return {.status = status, .message = std::move(message)};
  }

  Numbers ask(const std::string& path, const json& body, const std::vector<Index>& sizes,
              Nesting nesting) {
    const Answer answer = link_->ask(path, body_text(body), deadline_, retries_);
    Numbers numbers = read_output(answer, sizes, nesting);
    if (numbers.status == Status::timeout) {
      numbers.message =
          fmt::format("no answer within {} s (evaluation.timeout_s)", timeout_s_.value_or(0.0));
    }
    if (!numbers.is_ok()) {
      numbers.message = fmt::format("{}{}: {}", link_->url(), path, numbers.message);
    }
    return numbers;
  }

  void add_derivatives(const model::ModelRequest& request, model::ModelResult& result) {
    Numbers ok;
    const auto fill = [&](Eigen::MatrixXd& columns, const Eigen::MatrixXd& along, auto product) {
      for (Index k = 0; k < along.cols() && ok.is_ok(); ++k) {
        const Numbers column = product(along.col(k));
        if (!column.is_ok()) {
          ok = column;
          return;
        }
        columns.conservativeResize(column.values.size(), k + 1);
        columns.col(k) = column.values;
      }
    };
    const auto gradient = [this](const Eigen::VectorXd& weights) {
      return apply_transpose(weights);
    };
    const auto derivative = [this](const Eigen::VectorXd& direction) { return apply(direction); };
    if (request.weights.size() > 0) {
      fill(result.vector_jacobians, request.weights, gradient);
    }
    if (request.directions.size() > 0) {
      fill(result.jacobian_vectors, request.directions, derivative);
    }
    if (request.wants_jacobian) {
      const bool by_rows = description_.can.vector_jacobian &&
                           (!description_.can.jacobian_vector || num_qois() < num_parameters());
      Eigen::MatrixXd columns;
      const Index count = by_rows ? num_qois() : num_parameters();
      const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(count, count);
      if (by_rows) {
        fill(columns, identity, gradient);
        result.jacobian = columns.transpose();
      } else {
        fill(result.jacobian, identity, derivative);
      }
    }
    if (!ok.is_ok()) {
      result = failure(ok.status, ok.message);
    }
  }

  /// One product with the block of the Jacobian that belongs to an output and an input.
  Numbers ask_block(const char* path, const char* field, std::pair<std::size_t, std::size_t> block,
                    const Eigen::VectorXd& factor) {
    json body = body_;
    body["outWrt"] = block.first;
    body["inWrt"] = block.second;
    body[field] = list(factor);
    const bool is_gradient = std::string_view(field) == "sens";
    return ask(
        path, body,
        {is_gradient ? description_.inputs[block.second] : description_.outputs[block.first]},
        Nesting::one_list);
  }

  /// J^T w, a block at a time; blocks with a factor of zero contribute nothing.
  Numbers apply_transpose(const Eigen::VectorXd& weights) {
    Numbers sum;
    sum.values = Eigen::VectorXd::Zero(num_parameters());
    Index at_output = 0;
    for (std::size_t out = 0; out < description_.outputs.size(); ++out) {
      const auto factor = weights.segment(at_output, description_.outputs[out]);
      at_output += factor.size();
      Index at_input = 0;
      for (std::size_t in = 0; in < description_.inputs.size() && !factor.isZero(0.0); ++in) {
        Numbers part = ask_block("/Gradient", "sens", {out, in}, factor);
        if (!part.is_ok()) {
          return part;
        }
        sum.values.segment(at_input, part.values.size()) += part.values;
        at_input += part.values.size();
      }
    }
    return sum;
  }

  /// J v, likewise.
  Numbers apply(const Eigen::VectorXd& direction) {
    Numbers sum;
    sum.values = Eigen::VectorXd::Zero(num_qois());
    Index at_input = 0;
    for (std::size_t in = 0; in < description_.inputs.size(); ++in) {
      const auto factor = direction.segment(at_input, description_.inputs[in]);
      at_input += factor.size();
      Index at_output = 0;
      for (std::size_t out = 0; out < description_.outputs.size() && !factor.isZero(0.0); ++out) {
        Numbers part = ask_block("/ApplyJacobian", "vec", {out, in}, factor);
        if (!part.is_ok()) {
          return part;
        }
        sum.values.segment(at_output, part.values.size()) += part.values;
        at_output += part.values.size();
      }
    }
    return sum;
  }

  Description description_;
  json config_;
  int retries_;
  std::unique_ptr<ServerLink> link_;  // null on ranks that do nothing
  std::optional<double> timeout_s_;
  Clock::time_point deadline_;  // of the run under way
  json body_;                   // what all its requests say
};

/// Which of the groups of ranks this is: they are equally large and follow rank 0, the manager.
std::size_t group_index(const parallel::Comm& group) {
  const int rank = parallel::Session::rank_in_job();
  return rank == 0 ? 0 : static_cast<std::size_t>((rank - 1) / group.size());
}

}  // namespace

std::unique_ptr<model::Model> make_umbridge_model(const UmbridgeOptions& options, MPI_Comm group) {
  const auto comm = parallel::Comm::duplicate(group);
  std::unique_ptr<ServerLink> link;
  Description description = parallel::agree(comm, [&] {
    if (options.urls.empty()) {
      throw Error(ErrorKind::config, "model.url: expected the address of a server, found nothing");
    }
    if (comm.rank() != 0) {
      return Description{};
    }
    link = std::make_unique<ServerLink>(options.urls, group_index(comm));
    return Introduction(*link, options).description();
  });
  std::string bytes;
  if (comm.rank() == 0) {
    const model::Capabilities& can = description.can;
    bytes = json{{"inputs", description.inputs},
                 {"outputs", description.outputs},
                 {"can", {can.jacobian, can.jacobian_vector, can.vector_jacobian}}}
                .dump();
  }
  parallel::broadcast(comm, bytes);
  if (comm.rank() != 0) {
    const json said = json::parse(bytes);
    said.at("inputs").get_to(description.inputs);
    said.at("outputs").get_to(description.outputs);
    const auto& can = said.at("can");
    description.can = {.jacobian = can[0], .jacobian_vector = can[1], .vector_jacobian = can[2]};
  }
  return std::make_unique<UmbridgeModel>(options, std::move(description), std::move(link));
}

}  // namespace invar::model_umbridge
