#include "invar/evaluation/setup.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "evaluation/codec.hpp"
#include "evaluation/run_model.hpp"
#include "invar/core/error.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/serve.hpp"

namespace invar::evaluation {
namespace {

void compare_sizes(const model::Model& model, const model::ProblemSizes& study) {
  if (model.num_parameters() != study.num_parameters) {
    throw Error(ErrorKind::config,
                fmt::format("parameters: the model expects {}, found {} in the study",
                            model.num_parameters(), study.num_parameters));
  }
  if (model.num_qois() != study.num_qois) {
    throw Error(ErrorKind::config,
                fmt::format("observations: the model gives {} QoIs, found {} values in the study; "
                            "there must be one for each",
                            model.num_qois(), study.num_qois));
  }
}

/// As many as the model takes, but so few that what comes of them can be sent.
int most_at_once(const model::Model& model) {
  constexpr double most_numbers = 1 << 27;
  const auto d = static_cast<double>(model.num_parameters());
  const auto m = static_cast<double>(model.num_qois());
  const double each = 64 + d + m + (model.capabilities().jacobian ? m * d : 0.0);
  const double most = std::max(1.0, std::floor(most_numbers / each));
  return static_cast<int>(std::min(static_cast<double>(model.most_at_once()), most));
}

}  // namespace

std::unique_ptr<model::Model> make_model(const parallel::Groups& groups,
                                         const model::ModelFactory& factory,
                                         const model::ProblemSizes& study) {
  return parallel::agree(groups.all(), [&]() -> std::unique_ptr<model::Model> {
    if (!groups.is_worker()) {
      return nullptr;
    }
    auto model = factory(groups.group().get());
    INVAR_EXPECTS(model != nullptr);
    compare_sizes(*model, study);
    return model;
  });
}

int most_at_once(const parallel::Groups& groups, const model::Model* model) {
  return parallel::largest_of(groups.all(), model != nullptr ? most_at_once(*model) : 1);
}

core::Capabilities capabilities(const parallel::Groups& groups, const model::Model* model) {
  const auto can = [&](bool core::Capabilities::*derivative) {
    return parallel::all_of(groups.all(), model == nullptr || model->capabilities().*derivative);
  };
  return {.jacobian = can(&core::Capabilities::jacobian),
          .jacobian_vector = can(&core::Capabilities::jacobian_vector),
          .vector_jacobian = can(&core::Capabilities::vector_jacobian)};
}

void serve_model(const parallel::Groups& groups, model::Model* model) {
  INVAR_EXPECTS(model != nullptr || groups.is_idle());
  parallel::serve(groups, [&](std::span<const std::byte> bytes, std::vector<std::byte>& reply) {
    encode_reply(run_model(*model, decode_task(bytes), groups.team()), reply);
  });
}

}  // namespace invar::evaluation
