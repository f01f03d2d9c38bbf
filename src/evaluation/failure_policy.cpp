#include "invar/evaluation/failure_policy.hpp"

#include <cstddef>
#include <map>

#include <fmt/format.h>

namespace invar::evaluation {

FailureVerdict judge_failures(const EvaluationOptions& options, const method::BatchResult& result) {
  using method::Status;
  std::map<Status, int> counts;
  std::size_t first = result.evaluations.size();
  for (std::size_t i = result.evaluations.size(); i-- > 0;) {
    const Status status = result.evaluations[i].status;
    if (status != Status::ok) {
      ++counts[status];
      first = i;
    }
  }
  if (counts.empty()) {
    return {};
  }
  std::string classes;
  for (const auto& [status, count] : counts) {
    classes +=
        fmt::format("{}{} {}", classes.empty() ? "" : ", ", count, method::status_name(status));
  }
  const auto num_failed = static_cast<double>(result.num_failed());
  const auto num_all = static_cast<double>(result.evaluations.size());
  FailureVerdict verdict;
  std::string reason;
  if (num_failed > options.failure_budget * num_all) {
    verdict.must_end = true;
    reason = fmt::format(", more than the share of {} that evaluation.failure_budget allows",
                         options.failure_budget);
  } else if (options.on_failure == OnFailure::stop) {
    verdict.must_end = true;
    reason = ", and evaluation.on_failure is stop";
  }
  const method::Evaluation& example = result.evaluations[first];
  verdict.message =
      fmt::format("{} of {} evaluations failed ({}){}; the first is sample {}{}: {}: {}",
                  result.num_failed(), result.evaluations.size(), classes, reason, first,
                  example.host.empty() ? "" : " on " + example.host,
                  method::status_name(example.status), example.message);
  return verdict;
}

}  // namespace invar::evaluation
