#include "app/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

namespace invar::app {

std::string duration_text(double seconds) {
  if (seconds < 60) {
    return fmt::format("{:.1f} s", seconds);
  }
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) {
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (whole < 86400) {
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  }
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

Progress::Progress(bool is_terminal, std::optional<std::int64_t> max_iterations)
    : is_terminal_(is_terminal), max_iterations_(max_iterations) {}

Progress::~Progress() {
  finish();
}

void Progress::on_batch(const method::Batch& batch, std::int64_t num_recorded) {
  round_ = batch.round;
  num_in_batch_ = batch.points.cols();
  num_done_in_batch_ = num_recorded;
  draw(false);
}

void Progress::on_evaluation(const method::Batch& /*batch*/, Eigen::Index /*sample*/,
                             const method::Evaluation& evaluation) {
  ++num_done_in_batch_;
  ++num_evaluated_;
  num_failed_ += evaluation.status == method::Status::ok ? 0 : 1;
  if (is_terminal_) {
    draw(false);
  }
}

void Progress::on_round(const method::RoundReport& report) {
  const method::RoundDiagnostics& d = report.diagnostics;
  iteration_ = d.scalar("iteration");
  if (first_iteration_ < 0) {
    first_iteration_ = static_cast<std::int64_t>(iteration_);
  }
  elbo_ = d.scalar("elbo");
  elbo_standard_error_ = d.scalar("elbo_standard_error");
  step_size_ = d.scalar("step_size");
  has_round_ = true;
  draw(false);
}

void Progress::finish() {
  if (drawn_width_ > 0) {
    draw(true);
    std::fputc('\n', stderr);
    drawn_width_ = 0;
  }
}

std::string Progress::line() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string text = fmt::format("round {}", round_);
  if (is_terminal_) {
    constexpr std::int64_t width = 16;
    const auto filled = static_cast<std::size_t>(width * num_done_in_batch_ /
                                                 std::max<std::int64_t>(num_in_batch_, 1));
    text += " [" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
  }
  text += fmt::format(" {}/{}", num_done_in_batch_, num_in_batch_);
  text += fmt::format(" | {} runs, {:.4g}/s", num_evaluated_,
                      static_cast<double>(num_evaluated_) / std::max(seconds, 1e-3));
  if (num_failed_ > 0) {
    text += fmt::format(", {} failed", num_failed_);
  }
  if (has_round_) {
    if (std::isfinite(elbo_)) {
      text += fmt::format(" | ELBO {:.6g} +- {:.2g}", elbo_, elbo_standard_error_);
    }
    if (std::isfinite(step_size_)) {
      text += fmt::format(" | step {:.3g}", step_size_);
    }
    const double done = iteration_ - static_cast<double>(first_iteration_);
    if (done > 0 && max_iterations_) {
      const double left = static_cast<double>(*max_iterations_ - 1) - iteration_;
      text += " | at most " + duration_text(seconds / done * std::max(left, 0.0)) + " to go";
    }
  }
  return text;
}

void Progress::draw(bool is_forced) {
  const auto now = Clock::now();
  const auto pause = std::chrono::milliseconds(is_terminal_ ? 100 : 1000);
  if (!is_forced && now - last_drawn_ < pause) {
    return;
  }
  last_drawn_ = now;
  std::string text = line();
  if (is_terminal_) {
    const std::size_t width = text.size();
    text.resize(std::max(width, drawn_width_), ' ');
    drawn_width_ = width;
    std::fprintf(stderr, "\r%s", text.c_str());
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

}  // namespace invar::app
