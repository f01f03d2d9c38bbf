#include "invar/evaluation/setup.hpp"

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

std::optional<double> leave_timeout_to_model(const parallel::Groups& groups, model::Model* model,
                                             std::optional<double> timeout_s) {
  const bool does_model =
      timeout_s &&
      parallel::all_of(groups.all(), model == nullptr || model->enforce_timeout(*timeout_s));
  return does_model ? std::nullopt : timeout_s;
}

void serve_model(const parallel::Groups& groups, model::Model* model) {
  INVAR_EXPECTS(model != nullptr || groups.is_idle());
  Task task;
  parallel::serve(groups, [&](std::span<const std::byte> bytes, std::vector<std::byte>& reply) {
    decode_task(bytes, task);
    encode_reply(run_model(*model, {task.parameters, task.id}, groups.team()), reply);
  });
}

}  // namespace invar::evaluation
