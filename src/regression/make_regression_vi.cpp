#include "invar/regression/make_regression_vi.hpp"

#include <utility>

#include "invar/core/error.hpp"
#include "invar/regression/subspace_vi.hpp"

namespace invar::regression {
namespace {

using Eigen::Index;

/// A whole Jacobian may take so many products.
constexpr Index most_products = 16;

bool is_for_subspace(const space::Space& space, Index num_qois, FamilyChoice family,
                     DerivativeSource source, bool has_earlier_runs) {
  if (family == FamilyChoice::low_rank || family == FamilyChoice::mean_field) {
    return family == FamilyChoice::low_rank;
  }
  const bool can =
      space.prior.family() == space::GaussianFamily::diagonal || !space.bounds.has_any();
  const bool must =
      family == FamilyChoice::automatic && space.dimension() > SubspaceVi::most_written_out;
  const bool saves_products = !has_earlier_runs && source == DerivativeSource::vector_jacobian &&
                              num_qois > most_products && space.dimension() > most_products;
  return can && (must || saves_products);
}

}  // namespace

bool takes_low_rank(const space::Space& space, FamilyChoice family) {
  return is_for_subspace(space, 1, family, DerivativeSource::none, true);
}

std::unique_ptr<RegressionMethod> make_regression_vi(const space::Space& space,
                                                     const space::Observations& observations,
                                                     const RegressionViOptions& options,
                                                     Beginning beginning) {
  DerivativeSource source = derivative_source(beginning.can, options.derivatives);
  if (is_for_subspace(space, observations.values.size(), options.family, source,
                      !beginning.reused.empty())) {
    if (!beginning.reused.empty()) {
      throw Error(ErrorKind::config, no_reuse_with_low_rank);
    }
    return std::make_unique<SubspaceVi>(space, observations, options, beginning.start, source);
  }
  if (source == DerivativeSource::vector_jacobian && beginning.can.jacobian_vector &&
      space.dimension() < observations.values.size()) {
    source = DerivativeSource::jacobian_vector;  // fewer of them make a Jacobian
  }
  auto method =
      std::make_unique<RegressionVi>(space, observations, options, beginning.start, source);
  if (!beginning.reused.empty()) {
    method->reuse(std::move(beginning.reused));
  }
  return method;
}

core::Capabilities capabilities_of(const method::State& state) {
  if (!state.has("derivatives")) {
    throw Error(ErrorKind::data,
                "the campaign was begun by an earlier version of regression_vi (format_version 1) "
                "and cannot go on: run it anew, its runs may be rescored");
  }
  const DerivativeSource source = derivative_source_called(state.get<std::string>("derivatives"));
  return {.jacobian = source == DerivativeSource::jacobian,
          .jacobian_vector = source == DerivativeSource::jacobian_vector,
          .vector_jacobian = source == DerivativeSource::vector_jacobian};
}

}  // namespace invar::regression
