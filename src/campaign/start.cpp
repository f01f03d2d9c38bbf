#include "campaign/start.hpp"

#include "invar/store/restart_point.hpp"
#include "invar/vi/run_vi.hpp"

namespace invar::campaign {

std::unique_ptr<method::Method> make_method(const Study& study, const std::filesystem::path& base) {
  std::optional<vi::Start> start;
  if (study.initial.distribution) {
    start = *study.initial.distribution;
  } else if (study.initial.from) {
    const store::RestartPoint origin = store::read_restart(base / *study.initial.from);
    start = vi::branch_start(origin.state, study.space, study.inference);
  }
  return std::make_unique<vi::RunVi>(study.space, study.observations, study.inference, start);
}

}  // namespace invar::campaign
