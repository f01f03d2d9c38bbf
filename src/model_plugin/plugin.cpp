#include "invar/model_plugin/plugin.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/parallel/agree.hpp"
#include "model_plugin/library.hpp"

namespace invar::model_plugin {
namespace {

using Eigen::Index;

constexpr double unset = std::numeric_limits<double>::quiet_NaN();
constexpr std::int32_t parameter_names = 0;
constexpr std::int32_t qoi_names = 1;
constexpr Index num_names_shown = 8;

/// What the library said about a run that failed. (Not derived from `Error`: it is no end.)
struct RunFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class PluginModel final : public model::Model {
 public:
  /// MPI: Collective on `group`.
  PluginModel(const PluginOptions& options, const model::ProblemSizes& study, MPI_Comm group)
      : path_(options.library), group_(parallel::Comm::duplicate(group)) {
    library_ = parallel::agree(group_, [&] { return load_library(path_); });
    create(options.options_json);
    try {
      parallel::agree(group_, [&] { learn_sizes(study); });
    } catch (...) {
      destroy();
      throw;
    }
  }

  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;
  PluginModel(PluginModel&&) = delete;
  PluginModel& operator=(PluginModel&&) = delete;
  ~PluginModel() override { destroy(); }

  [[nodiscard]] Index num_parameters() const override { return num_parameters_; }
  [[nodiscard]] Index num_qois() const override { return num_qois_; }

  [[nodiscard]] model::Capabilities capabilities() const override {
    const auto has = [this](int flag) { return (library_.info.capabilities & flag) != 0; };
    return {.jacobian = has(INVAR_PLUGIN_JACOBIAN),
            .jacobian_vector = has(INVAR_PLUGIN_JACOBIAN_VECTOR),
            .vector_jacobian = has(INVAR_PLUGIN_VECTOR_JACOBIAN)};
  }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    INVAR_EXPECTS(request.parameters.size() == num_parameters_);
    INVAR_EXPECTS(!request.wants_jacobian || capabilities().jacobian);
    INVAR_EXPECTS(request.directions.size() == 0 ||
                  (capabilities().jacobian_vector && request.directions.rows() == num_parameters_));
    INVAR_EXPECTS(request.weights.size() == 0 ||
                  (capabilities().vector_jacobian && request.weights.rows() == num_qois_));
    if (group_.size() == 1) {
      return run(request);
    }
    // A failure of one rank alone is one of the group.
    std::exception_ptr failure;
    model::ModelResult result;
    try {
      result = run(request);
      if (!result.is_ok()) {
        failure = std::make_exception_ptr(RunFailure(result.message));
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const bool has_thrown = failure && result.is_ok();
    const bool has_any_thrown = !parallel::all_of(group_, !has_thrown);
    try {
      parallel::agree_on(group_, failure);
    } catch (const parallel::CollectiveError& error) {
      if (has_any_thrown) {
        throw;
      }
      return {.status = Status::model_failed, .message = error.what()};
    }
    return result;
  }

 private:
  void create(const std::string& options) {
    static_assert(sizeof(MPI_Fint) == sizeof(std::int32_t));
    const std::int32_t handle = MPI_Comm_c2f(group_.get());
    std::exception_ptr failure;
    try {
      if (const std::int32_t code = library_.create(handle, options.c_str(), &model_);
          code != INVAR_PLUGIN_OK) {
        model_ = nullptr;
        throw Error(ErrorKind::config,
                    fmt::format("`{}` could not make its model: invar_plugin_create returned {}{}",
                                path_, code, library_.reason(nullptr)));
      }
      is_created_ = true;
    } catch (const Error&) {
      failure = std::current_exception();
    } catch (const std::exception& error) {
      failure = std::make_exception_ptr(
          Error(ErrorKind::config,
                fmt::format("`{}` could not make its model: it threw: {}", path_, error.what())));
    } catch (...) {
      failure = std::make_exception_ptr(
          Error(ErrorKind::config,
                fmt::format("`{}` could not make its model: it threw something that is no "
                            "std::exception",
                            path_)));
    }
    try {
      parallel::agree_on(group_, failure);
    } catch (...) {
      destroy();
      throw;
    }
  }

  void destroy() noexcept {
    if (is_created_ && library_.destroy != nullptr) {
      library_.destroy(model_);
    }
    is_created_ = false;
  }

  void learn_sizes(const model::ProblemSizes& study) {
    std::int64_t num_parameters = 0;
    std::int64_t num_qois = 0;
    if (const std::int32_t code = library_.sizes(model_, &num_parameters, &num_qois);
        code != INVAR_PLUGIN_OK) {
      throw Error(ErrorKind::config, fmt::format("`{}`: invar_plugin_sizes returned {}{}", path_,
                                                 code, library_.reason(model_)));
    }
    if (num_parameters < 1 || num_qois < 1) {
      throw Error(ErrorKind::config,
                  fmt::format("`{}`: expected at least one parameter and one QoI, found {} and {}",
                              path_, num_parameters, num_qois));
    }
    if (study.num_parameters > 0 && num_parameters != study.num_parameters) {
      throw Error(ErrorKind::config,
                  fmt::format("parameters: the plugin `{}` expects {}{}, found {} in the study",
                              path_, num_parameters, names(parameter_names, num_parameters),
                              study.num_parameters));
    }
    if (study.num_qois > 0 && num_qois != study.num_qois) {
      throw Error(ErrorKind::config,
                  fmt::format("observations: the plugin `{}` gives {} QoIs{}, found {} values in "
                              "the study; there must be one for each",
                              path_, num_qois, names(qoi_names, num_qois), study.num_qois));
    }
    num_parameters_ = num_parameters;
    num_qois_ = num_qois;
  }

  /// " (a, b, ...)", or "" where the library has no names.
  [[nodiscard]] std::string names(std::int32_t kind, Index count) const {
    std::string all;
    for (Index i = 0; library_.name != nullptr && i < std::min(count, num_names_shown); ++i) {
      const char* const name = library_.name(model_, kind, i);
      if (name == nullptr) {
        return "";
      }
      all += (i == 0 ? " (" : ", ") + std::string(name);
    }
    return all.empty() ? "" : all + (count > num_names_shown ? ", ...)" : ")");
  }

  /// MPI: Local, but for what the library does.
  model::ModelResult run(const model::ModelRequest& request) {
    const Index num_directions = request.directions.cols();
    const Index num_weights = request.weights.cols();
    const auto pointer = [](auto& matrix) { return matrix.size() > 0 ? matrix.data() : nullptr; };
    model::ModelResult result;
    result.qois.setConstant(num_qois_, unset);
    if (request.wants_jacobian) {
      result.jacobian.setConstant(num_qois_, num_parameters_, unset);
    }
    if (num_directions > 0) {
      result.jacobian_vectors.setConstant(num_qois_, num_directions, unset);
    }
    if (num_weights > 0) {
      result.vector_jacobians.setConstant(num_parameters_, num_weights, unset);
    }
    const InvarPluginRequest asked = {.evaluation_id = request.id,
                                      .num_parameters = num_parameters_,
                                      .num_qois = num_qois_,
                                      .parameters = request.parameters.data(),
                                      .wants_jacobian = request.wants_jacobian ? 1 : 0,
                                      .num_directions = num_directions,
                                      .directions = pointer(request.directions),
                                      .num_weights = num_weights,
                                      .weights = pointer(request.weights),
                                      .reserved = 0};
    InvarPluginResult given = {.qois = result.qois.data(),
                               .jacobian = pointer(result.jacobian),
                               .jacobian_vectors = pointer(result.jacobian_vectors),
                               .vector_jacobians = pointer(result.vector_jacobians)};
    if (const std::int32_t code = library_.evaluate(model_, &asked, &given);
        code != INVAR_PLUGIN_OK) {
      return {.status = Status::model_failed,
              .message = fmt::format("the plugin's evaluate returned {}{}", code,
                                     library_.reason(model_))};
    }
    if (group_rank_ != 0) {
      return {};
    }
    return result;
  }

  std::string path_;
  parallel::Comm group_;
  int group_rank_ = group_.rank();
  Library library_;
  void* model_ = nullptr;  // the library's
  bool is_created_ = false;
  Index num_parameters_ = 0;
  Index num_qois_ = 0;
};

}  // namespace

std::unique_ptr<model::Model> make_plugin_model(const PluginOptions& options,
                                                const model::ProblemSizes& sizes, MPI_Comm group) {
  if (options.found_checksum != options.library_checksum) {
    throw Error(
        options.found_checksum.empty() ? ErrorKind::no_input : ErrorKind::data,
        options.found_checksum.empty()
            ? fmt::format("`{}` cannot be read", options.library)
            : fmt::format("`{}` has another checksum ({}) than `model.library_checksum` says ({}): "
                          "its answers may be others too; put the former library back, or start a "
                          "new campaign",
                          options.library, options.found_checksum, options.library_checksum));
  }
  return std::make_unique<PluginModel>(options, sizes, group);
}

void add_plugin_model(model::ModelRegistry& registry) {
  registry.add(model::make_model_type<PluginOptions>(
      "plugin", "a shared library with the functions of invar/plugin.h", plugin_table(),
      make_plugin_model));
}

}  // namespace invar::model_plugin
