#include "invar/campaign/start.hpp"

#include <optional>

#include "invar/campaign/reuse.hpp"
#include "invar/core/error.hpp"
#include "invar/regression/make_regression_vi.hpp"
#include "invar/store/restart_point.hpp"
#include "invar/vi/run_vi.hpp"

namespace invar::campaign {

namespace fs = std::filesystem;

namespace {

/// Where a method starts: the moments of the study, the state it branches from, or the prior.
template <class Start, class Branch>
std::optional<Start> start_of(const Study& study, const fs::path& base, const Branch& branch) {
  if (study.initial.distribution) {
    return *study.initial.distribution;
  }
  if (study.initial.from) {
    return branch(store::read_restart_file(branch_origin(study.initial, base)).state);
  }
  return std::nullopt;
}

}  // namespace

fs::path branch_origin(const InitialOptions& initial, const fs::path& base) {
  INVAR_EXPECTS(initial.from.has_value());
  const fs::path from = base / *initial.from;
  return fs::is_regular_file(from) ? from : store::find_restart_file(from, initial.from_round);
}

std::unique_ptr<method::Method> make_method(const Study& study, const fs::path& base,
                                            const core::Capabilities& can,
                                            const std::map<std::string, std::string>& files) {
  if (study.method == InferenceMethod::regression_vi) {
    const auto start =
        start_of<regression::Start>(study, base, [&study](const method::State& state) {
          return regression::branch_start(state, study.space, study.regression_vi);
        });
    return regression::make_regression_vi(
        study.space, study.observations, study.regression_vi,
        {.start = start, .reused = reused_runs(study, base, files), .can = can});
  }
  const auto start = start_of<vi::Start>(study, base, [&study](const method::State& state) {
    return vi::branch_start(state, study.space, study.run_vi);
  });
  return std::make_unique<vi::RunVi>(study.space, study.observations, study.run_vi, start);
}

}  // namespace invar::campaign
