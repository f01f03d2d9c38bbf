#include "campaign/reporting.hpp"

#include <ctime>

#include <nlohmann/json.hpp>

#include "campaign/json_number.hpp"
#include "campaign/status_text.hpp"
#include "invar/store/summary.hpp"

namespace invar::campaign {
void StatusWriter::on_evaluation(const method::Batch& /*batch*/, Eigen::Index /*sample*/,
                                 const method::Evaluation& /*evaluation*/) {
  write_if_due();
}

void StatusWriter::on_round(const method::RoundReport& report) {
  last_round_ = report.diagnostics;
  write_if_due();
}

void StatusWriter::write_if_possible(const std::string& status,
                                     const std::string& message) noexcept {
  try {
    write(status, method::StopReason::none, message);
  } catch (const std::exception&) {
    return;  // the first error is the one to report
  }
}

int recorded_ranks(const std::filesystem::path& directory) {
  return read_status(store::read_summary(directory).status_json).ranks;
}

void StatusWriter::write_if_due() {
  if (is_first_ || since_written_.seconds() > 1.0) {
    is_first_ = false;
    since_written_.restart();
    write("running", method::StopReason::none, "");
  }
}

void StatusWriter::write(const std::string& status, method::StopReason reason,
                         const std::string& message) {
  nlohmann::json last_round = nlohmann::json::object();
  for (const auto& [name, value] : last_round_.scalars) {
    last_round[name] = json_number(value);
  }
  const nlohmann::json values = {
      {"status", status},
      {"stop_reason", method::stop_reason_name(reason)},
      {"message", message},
      {"rounds", store_->num_rounds()},
      {"evaluations", store_->num_evaluations()},
      {"failed", store_->num_failed()},
      {"seconds", store_->elapsed_seconds()},
      {"ranks", num_ranks_},
      {"updated", static_cast<std::int64_t>(std::time(nullptr))},
      {"last_round", last_round},
  };
  store_->write_status(status_text(values));
}

void ViewRefresher::on_round(const method::RoundReport& /*report*/) {
  if (since_written_.seconds() < 10.0 || since_written_.seconds() < 100.0 * last_cost_) {
    return;
  }
  const Stopwatch cost;
  write_();
  last_cost_ = cost.seconds();
  since_written_.restart();
}

}  // namespace invar::campaign
