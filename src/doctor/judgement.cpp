#include "doctor/judgement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/points.hpp"

namespace invar::doctor {
namespace {

constexpr double worthwhile_gain = 1.1;
// Beyond this, differences of runs say more about their jitter than about derivatives.
constexpr double most_jitter = 1e-8;
constexpr std::size_t most_names = 8;

std::string on_ranks(int num_ranks) {
  return fmt::format("on {} rank{}", num_ranks, num_ranks == 1 ? "" : "s");
}

std::string first_of(const std::vector<std::string>& names) {
  const std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<long>(std::min(names.size(), most_names)));
  return fmt::format("{}{}", fmt::join(shown, ", "), names.size() > most_names ? ", ..." : "");
}

/// Collects what is found.
class Judge {
 public:
  Judge(const Report& report, const Patient& patient) : report_(report), patient_(patient) {}

  std::vector<Finding> judge() {
    for (const GroupReport& group : report_.groups) {
      judge_problem(group);
      if (group.repetition) {
        judge_repetition(group);
      }
    }
    for (const SizeDifference& size : report_.between_sizes) {
      judge_size(size);
    }
    if (const GroupReport* const reference = report_.reference()) {
      judge_sensitivity(*reference);
      judge_derivatives(*reference);
      judge_leaks(*reference);
      judge_hostile(*reference);
    }
    judge_ranks();
    std::stable_sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return static_cast<int>(a.severity) > static_cast<int>(b.severity);
    });
    return std::move(findings_);
  }

 private:
  void add(Severity severity, std::string text) {
    findings_.push_back({.severity = severity, .text = std::move(text)});
  }

  void judge_problem(const GroupReport& group) {
    if (!group.problem.empty()) {
      add(group.is_reference ? Severity::serious : Severity::remark,
          fmt::format("{} not everything could be examined: {}", on_ranks(group.num_ranks),
                      group.problem));
    }
    for (const Mishap& mishap : group.mishaps) {
      if (mishap.check.starts_with("repetition")) {
        add(Severity::serious, fmt::format("the model does not get through its usual runs {}: {}",
                                           on_ranks(group.num_ranks), mishap.message));
      } else if (mishap.check == "end") {
        add(Severity::remark,
            fmt::format("after the last run {}, {}", on_ranks(group.num_ranks), mishap.message));
      } else {
        add(Severity::serious,
            fmt::format("in the runs for {} {}: {}", mishap.check,
                        mishap.has_hung ? "the model hung" : "the model died", mishap.message));
      }
    }
  }

  void judge_repetition(const GroupReport& group) {
    const Repetition& found = *group.repetition;
    if (group.is_reference) {
      judge_sizes(found.sizes);
      judge_failures(found);
    }
    judge_same(found.again, fmt::format("the same parameters again {}", on_ranks(group.num_ranks)));
    if (found.has_fresh) {
      judge_same(found.fresh, fmt::format("the same parameters in a new instance {}",
                                          on_ranks(group.num_ranks)));
    }
  }

  void judge_sizes(const Sizes& sizes) {
    const auto num_parameters = static_cast<long>(report_.parameter_names.size());
    if (sizes.num_parameters != num_parameters) {
      add(Severity::serious, fmt::format("the model expects {} parameters, the study has {}",
                                         sizes.num_parameters, num_parameters));
    }
    if (sizes.num_qois != report_.num_observations) {
      add(Severity::serious, fmt::format("the model gives {} QoIs, the study has {} observations",
                                         sizes.num_qois, report_.num_observations));
    }
  }

  void judge_failures(const Repetition& found) {
    if (found.outcomes.empty()) {
      return;
    }
    std::map<std::string, int> reasons;
    long num_failed = 0;
    for (const Outcome& outcome : found.outcomes) {
      if (!outcome.is_ok()) {
        ++num_failed;
        ++reasons[fmt::format("{}: {}", core::status_name(outcome.status), outcome.message)];
      }
    }
    if (num_failed == 0) {
      return;
    }
    const double share =
        static_cast<double>(num_failed) / static_cast<double>(found.outcomes.size());
    add(share > patient_.failure_budget ? Severity::serious : Severity::remark,
        fmt::format("{} of {} runs within the prior failed ({}); a campaign bears a share of {:g} "
                    "(evaluation.failure_budget)",
                    num_failed, found.outcomes.size(), reasons.begin()->first,
                    patient_.failure_budget));
  }

  void judge_same(const Difference& difference, const std::string& what) {
    if (difference.is_none()) {
      return;
    }
    if (!difference.change_of_outcome.empty()) {
      add(Severity::serious,
          fmt::format("{} end otherwise: {}, at {}", what, difference.change_of_outcome,
                      name_of_point(difference.point)));
      return;
    }
    const bool is_serious = difference.largest_in_noise > serious_in_noise;
    add(is_serious ? Severity::serious : Severity::remark,
        fmt::format("the model is not deterministic: {} give other QoIs at {} of {} points, by up "
                    "to {:.2g} relatively and {:.2g} of the noise's standard deviation{}",
                    what, difference.num_different, difference.num_points,
                    difference.largest_relative, difference.largest_in_noise,
                    is_serious ? "" : "; `invar replay` will find such differences"));
  }

  void judge_size(const SizeDifference& size) {
    const Difference& difference = size.difference;
    if (difference.is_none()) {
      return;
    }
    const std::string what = fmt::format("{} rank{} and {}", report_.ranks_per_model,
                                         report_.ranks_per_model == 1 ? "" : "s", size.num_ranks);
    if (!difference.change_of_outcome.empty()) {
      add(Severity::serious,
          fmt::format("a run ends otherwise on {}: {}, at {}", what, difference.change_of_outcome,
                      name_of_point(difference.point)));
    } else if (difference.largest_in_noise > serious_in_noise) {
      add(Severity::serious,
          fmt::format("the answer depends on the group size: {} differ by up to {:.2g} relatively "
                      "and {:.2g} of the noise's standard deviation",
                      what, difference.largest_relative, difference.largest_in_noise));
    } else if (difference.largest_relative > rounding_between_sizes) {
      add(Severity::remark,
          fmt::format("the answer depends on the group size, by more than rounding: {} differ by "
                      "up to {:.2g} relatively; keep evaluation.ranks_per_model in a campaign",
                      what, difference.largest_relative));
    }
  }

  void judge_sensitivity(const GroupReport& group) {
    if (!group.sensitivity) {
      return;
    }
    std::vector<std::string> names;
    for (const long j : group.sensitivity->dead_parameters) {
      names.push_back(report_.parameter_names[static_cast<std::size_t>(j)]);
    }
    if (!names.empty()) {
      add(Severity::remark,
          fmt::format("no QoI reacts to {}: the data cannot say anything about {}", first_of(names),
                      names.size() == 1 ? "it" : "them"));
    }
    std::vector<std::string> qois;
    for (const long i : group.sensitivity->dead_qois) {
      qois.push_back(std::to_string(i));
    }
    if (!qois.empty()) {
      add(Severity::remark,
          fmt::format("{} QoI{} to no parameter (counted from 0): {}", qois.size(),
                      qois.size() == 1 ? " reacts" : "s react", first_of(qois)));
    }
  }

  void judge_derivatives(const GroupReport& group) {
    if (!group.derivatives || group.derivatives->empty()) {
      return;
    }
    if (differs_anyway() && group.repetition->again.largest_relative > most_jitter) {
      add(Severity::remark,
          "the derivatives cannot be judged: differences of runs that differ anyway say nothing");
      return;
    }
    using Errors = DerivativeErrors;
    for (const DerivativesAt& at : *group.derivatives) {
      const std::string where = name_of_point(at.point);
      if (!at.problem.empty()) {
        add(Severity::serious, fmt::format("derivatives at {}: {}", where, at.problem));
        continue;
      }
      judge_derivative("the Jacobian", best_error(at, &Errors::jacobian), at);
      judge_derivative("J v", best_error(at, &Errors::jacobian_vector), at);
      judge_derivative("w^T J", best_error(at, &Errors::vector_jacobian), at);
      judge_products("w^T (J v) and (w^T J) v", at.mismatch, where);
      judge_products("J times v and J v", at.product_mismatch, where);
    }
  }

  void judge_derivative(const char* what, double error, const DerivativesAt& at) {
    if (!(error > derivative_is_right)) {
      return;  // right, or not there
    }
    const std::string where = name_of_point(at.point);
    if (at.roughness > error) {
      add(Severity::remark,
          fmt::format(
              "{} at {} cannot be checked to more than {:.2g}: the differences of two steps "
              "agree no better than {:.2g}; is a tolerance in the model loose?",
              what, where, error, at.roughness));
      return;
    }
    std::string worst;
    if (at.worst_parameter >= 0) {
      worst = fmt::format(", farthest for {} ({:.2g})",
                          report_.parameter_names[static_cast<std::size_t>(at.worst_parameter)],
                          at.worst_parameter_error);
    }
    add(error > derivative_is_wrong ? Severity::serious : Severity::remark,
        fmt::format("{} is off by {:.2g} at {}, relative to differences{}", what, error, where,
                    worst));
  }

  void judge_products(const char* what, double mismatch, const std::string& where) {
    if (mismatch > products_agree) {
      add(mismatch > products_differ ? Severity::serious : Severity::remark,
          fmt::format("{} differ by {:.2g} at {}", what, mismatch, where));
    }
  }

  void judge_leaks(const GroupReport& group) {
    if (!group.leaks) {
      return;
    }
    const Leaks& leaks = *group.leaks;
    const double memory = growth_per_run(leaks, &Holdings::resident_megabytes);
    const double half = static_cast<double>(leaks.num_calls) / 2;
    if (memory > leak_worth_a_remark_mb && memory * half > least_growth_mb) {
      add(memory > leak_is_serious_mb ? Severity::serious : Severity::remark,
          fmt::format("memory grows by {:.3g} MB per run: {:.3g} GB in 10,000 runs", memory,
                      10.0 * memory));
    }
    constexpr std::array<std::pair<const char*, double Holdings::*>, 4> kinds = {
        {{"descriptors (open files)", &Holdings::num_descriptors},
         {"threads", &Holdings::num_threads},
         {"child processes", &Holdings::num_children},
         {"communicators", &Holdings::next_communicator}}};
    for (const auto& [name, what] : kinds) {
      if (const double growth = growth_per_run(leaks, what); growth > 0) {
        add(Severity::serious,
            fmt::format("{} are not given back: {:.2g} more per run", name, growth));
      }
    }
  }

  void judge_hostile(const GroupReport& group) {
    std::vector<std::string> deaths;
    std::vector<std::string> hangs;
    std::vector<std::string> swallowed;
    std::vector<const HostileRun*> spoilt;
    std::string how;
    std::string how_late;
    for (const HostileRun& run : group.hostile) {
      if (run.has_died) {
        deaths.push_back(run.name);
        how = how.empty() ? run.outcome.message : how;
      } else if (run.has_hung) {
        hangs.push_back(run.name);
        how_late = how_late.empty() ? run.outcome.message : how_late;
      } else {
        if (run.outcome.is_ok() && run.name.starts_with("NaN")) {
          swallowed.push_back(run.name);
        }
        if (!run.afterwards.is_none()) {
          spoilt.push_back(&run);
        }
      }
    }
    judge_spoilt(spoilt);
    const bool is_protected = patient_.is_isolated;
    const auto severity = is_protected ? Severity::remark : Severity::serious;
    if (!deaths.empty()) {
      add(severity,
          fmt::format("the model takes its process along ({}) at: {}{}", how, first_of(deaths),
                      is_protected ? "; model.isolation makes that one failed run"
                                   : "; a campaign would end there: return a failed "
                                     "result, or set model.isolation: process"));
    }
    if (!hangs.empty()) {
      add(severity,
          fmt::format("the model hangs ({}) at: {}{}", how_late, first_of(hangs),
                      is_protected && patient_.timeout_s
                          ? "; evaluation.timeout_s makes that one failed run"
                          : "; a group of ranks would be lost there: bound the model's loops, or "
                            "set evaluation.timeout_s and model.isolation: process"));
    }
    if (group.num_hostile_left_out > 0) {
      add(Severity::note, fmt::format("{} hostile points were left out after {} that hung",
                                      group.num_hostile_left_out, hangs.size()));
    }
    if (!swallowed.empty()) {
      add(Severity::remark, fmt::format("finite QoIs for {}: faulty parameters would stay unseen",
                                        first_of(swallowed)));
    }
  }

  /// Answers that are others after hostile runs: of a model whose answers are always others, that
  /// has been said.
  void judge_spoilt(const std::vector<const HostileRun*>& spoilt) {
    if (spoilt.empty() || differs_anyway()) {
      return;
    }
    std::vector<std::string> names;
    const HostileRun* worst = spoilt.front();
    for (const HostileRun* const run : spoilt) {
      names.push_back(run->name);
      const bool has_ended_otherwise = !run->afterwards.change_of_outcome.empty();
      if (has_ended_otherwise ||
          run->afterwards.largest_in_noise > worst->afterwards.largest_in_noise) {
        worst = run;
        if (has_ended_otherwise) {
          break;
        }
      }
    }
    judge_same(worst->afterwards, fmt::format("usual parameters after {}", first_of(names)));
  }

  /// Whether the runs of the reference differ from one time to the next.
  [[nodiscard]] bool differs_anyway() const {
    const GroupReport* const reference = report_.reference();
    return reference != nullptr && reference->repetition && !reference->repetition->again.is_none();
  }

  void judge_ranks() {
    const Recommendation& advice = report_.recommendation;
    if (advice.ranks_per_model > 0 && advice.ranks_per_model != report_.ranks_per_model &&
        advice.gain > worthwhile_gain && advice.is_clear) {
      add(Severity::remark,
          fmt::format("ranks_per_model: {} instead of {} would make {:.2g} times the runs per hour",
                      advice.ranks_per_model, report_.ranks_per_model, advice.gain));
    }
  }

  const Report& report_;
  const Patient& patient_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge(const Report& report, const Patient& patient) {
  return Judge(report, patient).judge();
}

Verdict verdict_of(const std::vector<Finding>& findings) {
  Severity gravest = Severity::note;
  for (const Finding& finding : findings) {
    gravest = std::max(gravest, finding.severity);
  }
  return gravest == Severity::serious  ? Verdict::not_fit
         : gravest == Severity::remark ? Verdict::fit_with_remarks
                                       : Verdict::fit;
}

double best_error(const DerivativesAt& at, double DerivativeErrors::*which) {
  double best = std::numeric_limits<double>::quiet_NaN();
  for (const DerivativeErrors& errors : at.errors) {
    best = std::fmin(best, errors.*which);
  }
  return best;
}

double growth_per_run(const Leaks& leaks, double Holdings::*what) {
  const double half = static_cast<double>(leaks.num_calls) / 2;
  return std::min(leaks.middle.*what - leaks.before.*what, leaks.after.*what - leaks.middle.*what) /
         half;
}

}  // namespace invar::doctor
