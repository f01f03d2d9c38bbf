#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "invar/method/observer.hpp"

namespace invar::app {

/// A time for people: "4.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h".
std::string duration_text(double seconds);

/// Shows how the campaign goes on stderr: a bar on a terminal, plain lines otherwise.
///
/// MPI: Manager only.
class Progress final : public method::Observer {
 public:
  /// @param is_terminal     one line that is drawn again and again, or a line per round (at most
  ///                        one a second)
  /// @param max_iterations  for the time to go, which is an upper limit; none: it is not known
  Progress(bool is_terminal, std::optional<std::int64_t> max_iterations);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  ~Progress() override;

  void on_batch(const method::Batch& batch, std::int64_t num_recorded) override;
  void on_evaluation(const method::Batch& batch, Eigen::Index sample,
                     const method::Evaluation& evaluation) override;
  void on_round(const method::RoundReport& report) override;

  /// Ends the bar's line, so that other output can follow.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string line() const;
  void draw(bool is_forced);

  bool is_terminal_;
  std::optional<std::int64_t> max_iterations_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
  std::int64_t round_ = 0;
  std::int64_t num_in_batch_ = 0;
  std::int64_t num_done_in_batch_ = 0;
  std::int64_t num_evaluated_ = 0;  // by the model, since this program started
  std::int64_t num_failed_ = 0;
  std::int64_t first_iteration_ = -1;
  double iteration_ = 0.0;
  double elbo_ = 0.0;
  double elbo_standard_error_ = 0.0;
  double step_size_ = 0.0;
  bool has_round_ = false;
  std::size_t drawn_width_ = 0;
};

}  // namespace invar::app
