#include "doctor/report.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "doctor/judgement.hpp"
#include "doctor/points.hpp"

namespace invar::doctor {
namespace {

constexpr std::size_t width = 98;

std::string count_of(long number, const char* thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

/// A paragraph in lines of at most `width`, the first after `head`, the others below its end.
std::string paragraph(const std::string& head, const std::string& text) {
  std::string out = head;
  std::size_t column = head.size();
  std::size_t begin = 0;
  bool is_first = true;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::size_t length = end - begin;
    if (!is_first && column + 1 + length > width) {
      out.append(1, '\n').append(head.size(), ' ');
      column = head.size();
      is_first = true;
    }
    out += is_first ? "" : " ";
    out.append(text, begin, length);
    column += length + (is_first ? 0 : 1);
    is_first = false;
    begin = end + 1;
  }
  return out + "\n";
}

std::string line(const std::string& text) {
  return paragraph("  ", text);
}

std::string difference_text(const Difference& difference) {
  if (difference.is_none()) {
    return fmt::format("the same bits at all {} points", difference.num_points);
  }
  if (!difference.change_of_outcome.empty()) {
    return fmt::format("{}, at {}", difference.change_of_outcome, name_of_point(difference.point));
  }
  return fmt::format(
      "not the same bits at {} of {} points; the largest difference is {:.2g} "
      "relatively, {:.2g} of the noise's standard deviation (QoI {} at {})",
      difference.num_different, difference.num_points, difference.largest_relative,
      difference.largest_in_noise, difference.qoi, name_of_point(difference.point));
}

std::string head_text(const Report& report) {
  std::string text = fmt::format("study         {}\n", report.study);
  const GroupReport* const reference = report.reference();
  std::string sizes;
  if (reference != nullptr && reference->repetition) {
    const Sizes& found = reference->repetition->sizes;
    sizes = fmt::format(": {}, {} ({})", count_of(found.num_parameters, "parameter"),
                        count_of(found.num_qois, "QoI"),
                        found.num_qois == report.num_observations
                            ? "as many as observations"
                            : count_of(report.num_observations, "observation"));
  }
  text += paragraph("model         ", report.model_type + sizes);
  std::vector<int> ranks;
  for (const GroupReport& group : report.groups) {
    ranks.push_back(group.num_ranks);
  }
  std::sort(ranks.begin(), ranks.end());
  text += paragraph(
      "examined      ",
      fmt::format("at the prior mean and {}, on groups of {} rank{}, on a machine with {}; a run "
                  "may take {:g} s; {:.1f} s in all",
                  count_of(report.num_draws, "draw"), fmt::join(ranks, ", "),
                  ranks.size() == 1 && ranks.front() == 1 ? "" : "s",
                  count_of(report.num_cores, "core"), report.run_limit_s, report.seconds));
  return text;
}

std::string answers_text(const Report& report) {
  std::string text = "\nIs it the same answer every time?\n";
  for (const GroupReport& group : report.groups) {
    const std::string where = count_of(group.num_ranks, "rank");
    if (!group.repetition || group.repetition->outcomes.empty()) {
      const std::string reason = !group.problem.empty()   ? group.problem
                                 : !group.mishaps.empty() ? group.mishaps.front().message
                                                          : "the sizes do not fit";
      text += line(fmt::format("{}: not known: {}", where, reason));
      continue;
    }
    const Repetition& found = *group.repetition;
    text += line(fmt::format("{}, again: {}", where, difference_text(found.again)));
    if (found.has_fresh) {
      text += line(fmt::format("{}, in a new instance: {}", where, difference_text(found.fresh)));
    }
  }
  for (const SizeDifference& size : report.between_sizes) {
    text += line(fmt::format("{} beside {}: {}", count_of(size.num_ranks, "rank"),
                             count_of(report.ranks_per_model, "rank"),
                             difference_text(size.difference)));
  }
  return text;
}

std::string error_text(double error) {
  return std::isnan(error) ? fmt::format("{:>10}", "-") : fmt::format("{:>10.1e}", error);
}

std::string derivatives_text(const GroupReport& group) {
  std::string text = "\nAre its derivatives right?\n";
  if (!group.derivatives) {
    return text + line("not known");
  }
  if (group.derivatives->empty()) {
    return text + line("it gives no derivatives");
  }
  for (const DerivativesAt& at : *group.derivatives) {
    text += line(
        fmt::format("at {}, along a random direction{}", name_of_point(at.point),
                    at.problem.empty() ? ", relative to central differences:" : ": " + at.problem));
    if (at.errors.empty()) {
      continue;
    }
    text += fmt::format("  {:>10}{:>10}{:>10}{:>10}\n", "step/std", "J", "J v", "w^T J");
    for (const DerivativeErrors& errors : at.errors) {
      text += fmt::format("  {:>10.0e}{}{}{}\n", errors.step, error_text(errors.jacobian),
                          error_text(errors.jacobian_vector), error_text(errors.vector_jacobian));
    }
    using Errors = DerivativeErrors;
    text += fmt::format("  {:>10}{}{}{}\n", "best", error_text(best_error(at, &Errors::jacobian)),
                        error_text(best_error(at, &Errors::jacobian_vector)),
                        error_text(best_error(at, &Errors::vector_jacobian)));
    if (!std::isnan(at.mismatch)) {
      text += line(fmt::format("w^T (J v) and (w^T J) v differ by {:.1e}", at.mismatch));
    }
    if (!std::isnan(at.product_mismatch)) {
      text += line(fmt::format("J times v and J v differ by {:.1e}", at.product_mismatch));
    }
  }
  return text;
}

std::string sensitivity_text(const GroupReport& group, const Report& report) {
  std::string text = "\nDoes everything react?\n";
  if (!group.sensitivity) {
    return text + line("not known");
  }
  const Sensitivity& found = *group.sensitivity;
  const auto num_parameters = static_cast<long>(report.parameter_names.size());
  text += line(
      fmt::format("{} of {} parameters{} move a QoI, {} of {} QoIs move",
                  found.num_parameters_examined - static_cast<long>(found.dead_parameters.size()),
                  found.num_parameters_examined,
                  found.num_parameters_examined < num_parameters
                      ? fmt::format(" (the first of {})", num_parameters)
                      : "",
                  report.num_observations - static_cast<long>(found.dead_qois.size()),
                  report.num_observations));
  if (found.num_failed > 0) {
    text += line(fmt::format("{} failed there", count_of(found.num_failed, "run")));
  }
  return text;
}

std::string leaks_text(const GroupReport& group) {
  std::string text = "\nDoes it leak?\n";
  if (!group.leaks) {
    return text + line("not known");
  }
  const Leaks& leaks = *group.leaks;
  text += fmt::format("  {:<24}{:>12}{:>12}{:>12}\n", fmt::format("over {} runs", leaks.num_calls),
                      "before", "in between", "after");
  const auto row = [&](const char* name, double Holdings::*what, int digits) {
    text += fmt::format("  {:<24}{:>12.{}f}{:>12.{}f}{:>12.{}f}\n", name, leaks.before.*what,
                        digits, leaks.middle.*what, digits, leaks.after.*what, digits);
  };
  row("memory in MB", &Holdings::resident_megabytes, 2);
  row("descriptors", &Holdings::num_descriptors, 0);
  row("threads", &Holdings::num_threads, 0);
  row("child processes", &Holdings::num_children, 0);
  row("next communicator", &Holdings::next_communicator, 0);
  return text;
}

const char* kind_of(const HostileRun& run) {
  return run.has_died          ? "its process died"
         : run.has_hung        ? "it hung"
         : run.outcome.is_ok() ? "finite QoIs"
                               : core::status_name(run.outcome.status);
}

std::string hostile_text(const GroupReport& group) {
  std::string text = "\nHow does it take hostile parameters?\n";
  if (group.hostile.empty()) {
    return text + line("not known");
  }
  // Runs that ended alike stand together, with the first of their messages.
  std::vector<std::pair<std::string, std::vector<const HostileRun*>>> kinds;
  for (const HostileRun& run : group.hostile) {
    const std::string kind = kind_of(run);
    auto found = std::find_if(kinds.begin(), kinds.end(),
                              [&kind](const auto& other) { return other.first == kind; });
    if (found == kinds.end()) {
      found = kinds.insert(kinds.end(), {kind, {}});
    }
    found->second.push_back(&run);
  }
  for (const auto& [kind, runs] : kinds) {
    std::vector<std::string> names;
    for (const HostileRun* const run : runs) {
      names.push_back(run->name);
    }
    const std::string& message = runs.front()->outcome.message;
    text += line(fmt::format(
        "{}{}: {}", kind,
        message.empty() ? "" : fmt::format(" ({}{})", runs.size() > 1 ? "first: " : "", message),
        fmt::join(names, "; ")));
  }
  std::vector<std::string> spoilt;
  const Difference* worst = nullptr;
  for (const HostileRun& run : group.hostile) {
    if (!run.afterwards.is_none()) {
      spoilt.push_back(run.name);
      if (worst == nullptr || run.afterwards.largest_in_noise > worst->largest_in_noise) {
        worst = &run.afterwards;
      }
    }
  }
  text += line(
      worst == nullptr
          ? "after each of those that it survived, usual parameters give the same bits as before"
          : fmt::format("usual parameters give other answers after {} ({})",
                        fmt::join(spoilt, "; "), difference_text(*worst)));
  if (group.num_hostile_left_out > 0) {
    text += line(fmt::format("{} more were left out", group.num_hostile_left_out));
  }
  return text;
}

std::string time_text(const Report& report) {
  std::string text = "\nHow long does a run take?\n";
  if (report.timings.empty()) {
    return text + line("not known");
  }
  const Recommendation& advice = report.recommendation;
  text +=
      fmt::format("  {:>5}{:>7}{:>12}{:>24}{:>12}{:>12}{:>14}\n", "ranks", "runs", "median in s",
                  "half of them within", "longest", "efficiency", "runs per hour");
  bool has_oversubscribed = false;
  for (const Timing& timing : report.timings) {
    text += fmt::format("  {:>5}{:>7}{:>12.3g}{:>24}{:>12.3g}{:>10.0f} %{:>14.4g}{}\n",
                        timing.num_ranks, timing.num_runs, timing.median,
                        fmt::format("{:.3g} ... {:.3g}", timing.low, timing.high), timing.most,
                        100 * timing.efficiency, timing.runs_per_hour,
                        timing.is_oversubscribed ? " *" : "");
    has_oversubscribed = has_oversubscribed || timing.is_oversubscribed;
  }
  if (has_oversubscribed) {
    text += line(fmt::format("* on {}: the time says little", count_of(report.num_cores, "core")));
  }
  const GroupReport* const reference = report.reference();
  if (reference != nullptr && reference->repetition) {
    text += line(fmt::format("to make the model takes {:.2g} s; a rank then holds {:.0f} MB",
                             reference->repetition->build_seconds,
                             reference->repetition->resident_megabytes));
  }
  if (advice.ranks_per_model > 0) {
    text += line(fmt::format(
        "for a job of {}: evaluation.ranks_per_model: {} makes the most runs per hour (the study "
        "says {}; measured with one group alone)",
        count_of(advice.num_ranks, "rank"), advice.ranks_per_model, report.ranks_per_model));
  }
  return text;
}

std::string verdict_text(const Report& report) {
  std::string text = fmt::format("\nverdict       {}\n", verdict_in_words(report.verdict));
  for (const Finding& finding : report.findings) {
    const char* const mark = finding.severity == Severity::serious  ? "  not fit: "
                             : finding.severity == Severity::remark ? "  remark:  "
                                                                    : "  note:    ";
    text += paragraph(mark, finding.text);
  }
  return text;
}

}  // namespace

const GroupReport* Report::reference() const {
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [](const GroupReport& group) { return group.is_reference; });
  return found == groups.end() ? nullptr : &*found;
}

const char* verdict_in_words(Verdict verdict) {
  return verdict == Verdict::fit                ? "fit"
         : verdict == Verdict::fit_with_remarks ? "fit, with remarks"
                                                : "not fit";
}

std::string report_text(const Report& report) {
  std::string text = head_text(report) + answers_text(report);
  if (const GroupReport* const reference = report.reference();
      reference != nullptr && reference->repetition && !reference->repetition->outcomes.empty()) {
    text += derivatives_text(*reference);
    text += sensitivity_text(*reference, report);
    text += leaks_text(*reference);
    text += hostile_text(*reference);
    text += time_text(report);
  }
  return text + verdict_text(report);
}

}  // namespace invar::doctor
