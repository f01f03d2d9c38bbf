#include "invar/parallel/groups.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/launch.hpp"

namespace invar::parallel {
namespace {

using HostName = std::array<char, MPI_MAX_PROCESSOR_NAME>;

/// The host of every rank, on rank 0.
std::vector<std::string> gather_hosts(const Comm& comm) {
  HostName mine{};
  int length = 0;
  MPI_Get_processor_name(mine.data(), &length);
  const bool is_root = comm.rank() == 0;
  std::vector<HostName> all(is_root ? static_cast<std::size_t>(comm.size()) : 0);
  constexpr int width = MPI_MAX_PROCESSOR_NAME;
  MPI_Gather(mine.data(), width, MPI_CHAR, all.data(), width, MPI_CHAR, 0, comm.get());
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const HostName& name : all) {
    names.emplace_back(name.data());
  }
  return names;
}

std::string count_of(int number, const char* thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

}  // namespace

int GroupPlan::group_of(int rank) const {
  if (num_ranks == 1) {
    return 0;
  }
  const int group = rank == 0 ? -1 : (rank - 1) / ranks_per_model;
  return group < num_groups ? group : -1;
}

int GroupPlan::leader_of(int group) const {
  return num_ranks == 1 ? 0 : 1 + group * ranks_per_model;
}

GroupPlan plan_groups(int num_ranks, int ranks_per_model) {
  INVAR_EXPECTS(num_ranks >= 1);
  const int num_workers = std::max(1, num_ranks - 1);
  if (ranks_per_model < 1 || ranks_per_model > num_workers) {
    throw Error(
        ErrorKind::config,
        fmt::format("evaluation.ranks_per_model: expected between 1 and {}, found {}: {}; start "
                    "{} or more, or lower ranks_per_model",
                    num_workers, ranks_per_model,
                    num_ranks == 1
                        ? std::string("there is 1 rank, which runs the model alone")
                        : fmt::format("of {} ranks rank 0 manages and {} can run the model",
                                      num_ranks, num_workers),
                    count_of(std::max(ranks_per_model, 1) + 1, "rank")));
  }
  GroupPlan plan{.num_ranks = num_ranks, .ranks_per_model = ranks_per_model};
  plan.num_groups = num_workers / ranks_per_model;
  plan.num_left_over = num_workers - plan.num_groups * ranks_per_model;
  return plan;
}

Groups::Groups(const Comm& world, int ranks_per_model)
    : plan_(agree(world, [&] { return plan_groups(world.size(), ranks_per_model); })),
      rank_(world.rank()),
      index_(plan_.group_of(rank_)),
      all_(Comm::duplicate(world.get())) {
  // A rank without a group gets a color that no other has.
  group_ = Comm::split(all_, is_worker() ? index_ : plan_.num_groups + rank_);
  team_ = Comm::duplicate(group_.get());
  hosts_ = gather_hosts(all_);
}

const std::string& Groups::host_of_group(int group) const {
  INVAR_EXPECTS(is_manager() && group >= 0 && group < plan_.num_groups);
  return hosts_[static_cast<std::size_t>(plan_.leader_of(group))];
}

std::string Groups::description(std::optional<int> concurrency) const {
  INVAR_EXPECTS(is_manager());
  std::map<std::string, int> ranks_on;
  for (const std::string& host : hosts_) {
    ++ranks_on[host];
  }
  std::string hosts;
  for (const auto& [host, count] : ranks_on) {
    hosts += fmt::format("{}{} ({})", hosts.empty() ? "" : ", ", host, count_of(count, "rank"));
  }
  const Launch launch = launch_from_environment();
  const int at_a_time = std::min(plan_.num_groups, concurrency.value_or(plan_.num_groups));
  std::string roles = "runs the model in place";
  if (plan_.num_ranks > 1) {
    roles =
        fmt::format("rank 0 manages, {} of {}, {} left over", count_of(plan_.num_groups, "group"),
                    count_of(plan_.ranks_per_model, "rank"), plan_.num_left_over);
  }
  return fmt::format("launcher: {}; {}: {}; concurrency: {}{}; {}: {}",
                     launch.launcher.empty() ? "none" : launch.launcher,
                     count_of(plan_.num_ranks, "rank"), roles, at_a_time,
                     concurrency ? "" : " (auto)", ranks_on.size() == 1 ? "host" : "hosts", hosts);
}

}  // namespace invar::parallel
