#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "invar/campaign/study.hpp"
#include "invar/store/record.hpp"
#include "invar/vi/reweighting.hpp"

namespace invar::campaign {

/// Good runs of a campaign of run_vi with what they were drawn from.
struct DrawnRuns {
  vi::DrawnRuns runs;
  std::vector<std::int64_t> rounds;  // one per proposal
};

/// The runs of the record that can be weighed, in the coordinates of the target; those of rounds
/// that were not told are left out.
///
/// MPI: Local.
DrawnRuns drawn_runs(const store::RecordedEvaluations& record, const Study& study,
                     const vi::Target& target);

/// The correlation that a campaign of run_vi keeps from its start, whatever its study says by now.
///
/// MPI: Manager only.
vi::Family family_of(const Study& study, const std::filesystem::path& directory);

}  // namespace invar::campaign
