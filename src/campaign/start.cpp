#include "invar/campaign/start.hpp"

#include <optional>

#include "invar/core/error.hpp"
#include "invar/store/restart_point.hpp"
#include "invar/vi/run_vi.hpp"

namespace invar::campaign {

namespace fs = std::filesystem;

fs::path branch_origin(const InitialOptions& initial, const fs::path& base) {
  INVAR_EXPECTS(initial.from.has_value());
  const fs::path from = base / *initial.from;
  return fs::is_regular_file(from) ? from : store::find_restart_file(from, initial.from_round);
}

std::unique_ptr<method::Method> make_method(const Study& study, const fs::path& base) {
  std::optional<vi::Start> start;
  if (study.initial.distribution) {
    start = *study.initial.distribution;
  } else if (study.initial.from) {
    const store::RestartPoint origin = store::read_restart_file(branch_origin(study.initial, base));
    start = vi::branch_start(origin.state, study.space, study.inference);
  }
  return std::make_unique<vi::RunVi>(study.space, study.observations, study.inference, start);
}

}  // namespace invar::campaign
