#include "vi/meaning.hpp"

#include <string>
#include <vector>

#include <Eigen/Core>
#include <fmt/format.h>

#include "invar/method/state_reader.hpp"

namespace invar::vi {
namespace {

constexpr std::int64_t format_version = 1;

std::string text_of(const method::StateValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_base_of_v<Eigen::EigenBase<T>, T>) {
          std::vector<double> numbers(v.data(), v.data() + v.size());
          return fmt::format("[{}]", fmt::join(numbers, ", "));
        } else {
          return fmt::format("{}", v);
        }
      },
      value);
}

}  // namespace

void write_meaning(method::State& state, const space::Space& space, const RunViOptions& options) {
  const bool is_clip = options.bounded_parameter_handling == BoundedParameterHandling::clip;
  state.set("method", std::string("run_vi"));
  state.set("format_version", format_version);
  state.set("num_parameters", static_cast<std::int64_t>(space.dimension()));
  state.set("family",
            std::string(space.prior.family() == space::GaussianFamily::diagonal ? "diagonal"
                                                                                : "multivariate"));
  state.set("bounded_parameter_handling", std::string(is_clip ? "clip" : "transform"));
  if (!is_clip) {
    state.set(
        "transform_map",
        std::string(options.transform_map == space::TransformMap::sigmoid ? "sigmoid" : "arctan"));
    state.set("transform_interior_margin", options.transform_interior_margin);
  }
  state.set("bounds_min", space.bounds.min());
  state.set("bounds_max", space.bounds.max());
}

void require_same_meaning(const method::State& state, const space::Space& space,
                          const RunViOptions& options, ErrorKind kind) {
  if (state.get<std::string>("method") != "run_vi" ||
      state.get<std::int64_t>("format_version") != format_version) {
    throw Error(ErrorKind::data, fmt::format("expected a state of run_vi, format {}, found {} {}",
                                             format_version, state.get<std::string>("method"),
                                             state.get<std::int64_t>("format_version")));
  }
  method::State expected;
  write_meaning(expected, space, options);
  if (const auto there = state.values().find("num_parameters");
      there != state.values().end() &&
      !method::are_same(expected.values().at("num_parameters"), there->second)) {
    throw Error(kind, fmt::format("the saved state has {} parameters, this study {}",
                                  text_of(there->second), space.dimension()));
  }
  for (const auto& [name, value] : expected.values()) {
    const auto found = state.values().find(name);
    if (found == state.values().end() || !method::are_same(value, found->second)) {
      throw Error(kind,
                  fmt::format("the saved state does not fit this study: expected {} = {}, found {}",
                              name, text_of(value),
                              found == state.values().end() ? "none" : text_of(found->second)));
    }
  }
}

}  // namespace invar::vi
