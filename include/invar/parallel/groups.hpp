#pragma once

#include <optional>
#include <string>
#include <vector>

#include "invar/parallel/comm.hpp"

namespace invar::parallel {

/// How ranks are shared out: rank 0 manages, the others form groups of equal size in the order of
/// their ranks, and those that do not fill a group are left over. One rank alone is manager and
/// group at once.
struct GroupPlan {
  int num_ranks = 1;
  int ranks_per_model = 1;
  int num_groups = 1;
  int num_left_over = 0;

  /// The group of a rank, or -1 (manager of several ranks, left over).
  [[nodiscard]] int group_of(int rank) const;

  /// The first rank of a group.
  [[nodiscard]] int leader_of(int group) const;
};

/// Plans the groups.
///
/// @throws Error(config)  when there are too few ranks for one group
/// MPI: Local.
GroupPlan plan_groups(int num_ranks, int ranks_per_model);

/// The manager and the groups of ranks that run the model.
class Groups {
 public:
  /// Splits the ranks of `world`.
  ///
  /// MPI: Collective on world.
  /// @throws CollectiveError(config)  as `plan_groups`
  Groups(const Comm& world, int ranks_per_model);

  [[nodiscard]] const GroupPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] int num_groups() const noexcept { return plan_.num_groups; }

  [[nodiscard]] bool is_manager() const noexcept { return rank_ == 0; }
  /// This rank is left over: it belongs to no group and only waits for the end.
  [[nodiscard]] bool is_idle() const noexcept { return rank_ != 0 && index_ < 0; }
  /// This rank runs the model (the manager too when it is alone).
  [[nodiscard]] bool is_worker() const noexcept { return index_ >= 0; }
  /// This rank is the one of its group that talks to the manager.
  [[nodiscard]] bool is_leader() const noexcept {
    return is_worker() && plan_.leader_of(index_) == rank_;
  }
  /// Index of this rank's group, or -1.
  [[nodiscard]] int index() const noexcept { return index_; }

  /// All ranks: manager, groups and left over ones. For the pool.
  [[nodiscard]] const Comm& all() const noexcept { return all_; }
  /// The ranks of this group, for the model; a rank without a group is there alone.
  [[nodiscard]] const Comm& group() const noexcept { return group_; }
  /// The same ranks as `group`, for what is said beside the model.
  [[nodiscard]] const Comm& team() const noexcept { return team_; }

  /// The host of a group's leader. MPI: Manager only.
  [[nodiscard]] const std::string& host_of_group(int group) const;

  /// One line for the start of the log: launcher, ranks, groups, concurrency, hosts.
  /// @param concurrency  cap on runs at a time, none for all groups
  /// MPI: Manager only.
  [[nodiscard]] std::string description(std::optional<int> concurrency) const;

 private:
  GroupPlan plan_;
  int rank_ = 0;
  int index_ = -1;
  Comm all_;
  Comm group_;
  Comm team_;
  std::vector<std::string> hosts_;  // one per rank, on the manager
};

}  // namespace invar::parallel
