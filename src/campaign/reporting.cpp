#include "campaign/reporting.hpp"

#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "campaign/json_number.hpp"
#include "campaign/status_text.hpp"
#include "invar/parallel/stop_signals.hpp"
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

void StatusWriter::write_if_silent() {
  if (since_written_.seconds() > 10.0) {
    since_written_.restart();
    write_running();
  }
}

std::string StatusWriter::line() const {
  return fmt::format("{} rounds, {} evaluations ({} failed), {:.1f} s in finished rounds",
                     store_->num_rounds(), store_->num_evaluations(), store_->num_failed(),
                     store_->elapsed_seconds());
}

void RequestWatch::on_evaluation(const method::Batch& /*batch*/, Eigen::Index /*sample*/,
                                 const method::Evaluation& /*evaluation*/) {
  look();
}

void RequestWatch::on_round(const method::RoundReport& /*report*/) {
  look();
}

void RequestWatch::look() {
  status_->write_if_silent();
  if (stop_->take_status_request()) {
    status_->write_running();
    (*say_)("status: " + status_->line());
  }
  if (stop_->is_asked() && !has_told_of_stop_) {
    has_told_of_stop_ = true;
    (*say_)(fmt::format("{}: stopping; what runs is finished first, nothing new is started",
                        parallel::signal_name(stop_->signal())));
  }
}

void StatusWriter::write_if_due() {
  if (is_first_ || since_written_.seconds() > 1.0) {
    is_first_ = false;
    since_written_.restart();
    write_running();
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
      {"ran_ahead", store_->num_ran_ahead()},
      {"asked_later", store_->num_asked_later()},
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
