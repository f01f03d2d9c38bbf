#pragma once

#include <vector>

#include "doctor/report.hpp"

namespace invar::doctor {

/// The group sizes to examine in view of a job of `num_ranks`: 1, 2, 4, ... and the study's own,
/// the reference, which comes first; none is larger than the job has beside its manager (but the
/// reference is always there).
/// MPI: Local.
std::vector<int> group_sizes(int num_ranks, int reference);

/// Median and spread of the runs of every group size that has any.
/// MPI: Local.
std::vector<Timing> timings_of(const std::vector<GroupReport>& groups, int num_ranks,
                               int num_cores);

/// The group size with the most runs per hour, floor((N - 1) / k) / t_k; of sizes within 3 % of the
/// best the smallest. Sizes that had fewer cores than ranks do not count.
/// It is clearly better than the study's own where the quartiles of the two do not meet.
/// MPI: Local.
Recommendation recommend(const std::vector<Timing>& timings, int num_ranks, int ranks_per_model);

}  // namespace invar::doctor
