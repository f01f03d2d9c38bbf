#include "invar/campaign/replay.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "campaign/workforce.hpp"
#include "invar/store/record.hpp"

namespace invar::campaign {
namespace {

constexpr Eigen::Index most_differences_shown = 10;

/// An evaluation as it is on record.
struct Recorded {
  method::Batch batch;  // of this one alone
  method::Evaluation evaluation;
  std::int64_t sample = 0;
};

Recorded find(const std::filesystem::path& directory, std::int64_t id) {
  const store::RecordedEvaluations all = store::read_evaluations(directory);
  const auto found = std::find(all.ids.begin(), all.ids.end(), id);
  if (found == all.ids.end()) {
    throw Error(
        ErrorKind::usage,
        fmt::format(
            "{} has no evaluation {}: there are {}{}", directory.string(), id, all.size(),
            all.size() > 0 ? fmt::format(", from {} to {}", all.ids.front(), all.ids.back()) : ""));
  }
  const auto i = static_cast<std::size_t>(found - all.ids.begin());
  const auto column = static_cast<Eigen::Index>(i);
  Recorded recorded;
  recorded.batch = {.round = all.rounds[i], .first_id = id, .points = all.points.col(column)};
  recorded.sample = all.samples[i];
  recorded.evaluation.status = all.statuses[i];
  recorded.evaluation.message = all.messages[i];
  recorded.evaluation.host = all.hosts[i];
  recorded.evaluation.wall_seconds = all.wall_seconds[i];
  if (all.statuses[i] == Status::ok || all.statuses[i] == Status::non_finite) {
    recorded.evaluation.qois = all.qois.col(column);
  }
  auto [wanted, found_derivatives] = store::derivatives_of(all.derivatives, id);
  recorded.batch.wanted = {std::move(wanted)};
  recorded.evaluation.derivatives = std::move(found_derivatives);
  return recorded;
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

std::string outcome_text(const method::Evaluation& evaluation) {
  return fmt::format("{}, {:.4g} s{}{}", core::status_name(evaluation.status),
                     evaluation.wall_seconds,
                     evaluation.host.empty() ? "" : " on " + evaluation.host,
                     evaluation.message.empty() ? "" : ": " + evaluation.message);
}

/// "", or a line that says in how many numbers two matrices differ.
std::string difference_text(const char* name, const Eigen::MatrixXd& before,
                            const Eigen::MatrixXd& now) {
  if (before.rows() != now.rows() || before.cols() != now.cols()) {
    return fmt::format("{}: {} x {} numbers on record, {} x {} now\n", name, before.rows(),
                       before.cols(), now.rows(), now.cols());
  }
  Eigen::Index num_different = 0;
  for (Eigen::Index i = 0; i < now.size(); ++i) {
    num_different += same_bits(before.data()[i], now.data()[i]) ? 0 : 1;
  }
  return num_different == 0
             ? ""
             : fmt::format("{}: {} of {} numbers differ\n", name, num_different, now.size());
}

/// What differs, for people; "" when nothing does.
std::string difference_text(const method::Evaluation& before, const method::Evaluation& now) {
  if (before.status != now.status) {
    return fmt::format("it was {} and is {} now\n", core::status_name(before.status),
                       core::status_name(now.status));
  }
  if (before.qois.size() != now.qois.size()) {
    return fmt::format("it had {} QoIs and has {} now\n", before.qois.size(), now.qois.size());
  }
  std::string text;
  Eigen::Index num_different = 0;
  for (Eigen::Index i = 0; i < now.qois.size(); ++i) {
    if (same_bits(before.qois[i], now.qois[i])) {
      continue;
    }
    if (++num_different <= most_differences_shown) {
      text += fmt::format("  QoI {:<6} {:>24.17g}  {:>24.17g}  differs by {:.3g}\n", i,
                          before.qois[i], now.qois[i], now.qois[i] - before.qois[i]);
    }
  }
  if (num_different > 0) {
    text = fmt::format("{} of {} QoIs differ (counted from 0; on record, now):\n", num_different,
                       now.qois.size()) +
           text;
  }
  const method::Derivatives& was = before.derivatives;
  const method::Derivatives& is = now.derivatives;
  return text + difference_text("the Jacobian", was.jacobian, is.jacobian) +
         difference_text("Jacobian-vector products", was.jacobian_vectors, is.jacobian_vectors) +
         difference_text("vector-Jacobian products", was.vector_jacobians, is.vector_jacobians);
}

std::string report(const Study& study, const Recorded& recorded, const method::Evaluation& now) {
  std::string text = fmt::format("evaluation {} (round {}, sample {})\n", recorded.batch.first_id,
                                 recorded.batch.round, recorded.sample);
  for (std::size_t j = 0; j < study.space.names.size(); ++j) {
    text += fmt::format("  {} = {:.17g}\n", study.space.names[j],
                        recorded.batch.points(static_cast<Eigen::Index>(j), 0));
  }
  text += "on record     " + outcome_text(recorded.evaluation) + "\n";
  text += "now           " + outcome_text(now) + "\n";
  const std::string difference = difference_text(recorded.evaluation, now);
  if (!difference.empty()) {
    return text + difference;
  }
  return text + (now.qois.size() > 0
                     ? fmt::format("the same to the bit: {} QoIs\n", now.qois.size())
                     : "the same outcome\n");
}

}  // namespace

Outcome replay(const parallel::Groups& groups, const Study& study,
               const std::filesystem::path& directory, std::int64_t id,
               const std::function<void(const std::string&)>& print) {
  Study alone = study;  // what is on record is one attempt's outcome
  alone.evaluation.retries = 0;
  if (groups.plan().num_ranks == 1) {
    alone.evaluation.timeout_s.reset();  // nobody is there to keep it
  }
  parallel::StopControl stop;
  Recorded recorded;
  return run_with_workforce(
      groups, alone, stop,
      {.prepare = [&](method::Evaluator& /*evaluator*/,
                      const core::Capabilities& /*can*/) { recorded = find(directory, id); },
       .body =
           [&](method::Evaluator& evaluator) {
             method::Evaluation now;
             evaluator.evaluate(recorded.batch, {0},
                                [&now](Eigen::Index /*sample*/, method::Evaluation evaluation) {
                                  now = std::move(evaluation);
                                });
             print(report(study, recorded, now));
             return difference_text(recorded.evaluation, now).empty()
                        ? 0
                        : static_cast<int>(ErrorKind::data);
           }});
}

}  // namespace invar::campaign
