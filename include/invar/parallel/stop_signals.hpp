#pragma once

#include <array>
#include <csignal>

#include "invar/parallel/stop_control.hpp"

namespace invar::parallel {

/// Turns signals into requests while it lives: SIGUSR1, SIGTERM and SIGINT ask for a stop, SIGUSR2
/// for a status report.
///
/// All ranks take the signals, so that none dies of them; only the manager looks at what they ask
/// for. A second SIGTERM or SIGINT ends the process at once, as without handlers.
///
/// Begin before MPI does, so that no signal comes too early. One at a time.
///
/// MPI: Local.
class StopSignals {
 public:
  /// Lifetime: control must outlive it.
  explicit StopSignals(StopControl& control);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  StopSignals(StopSignals&&) = delete;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

 private:
  static constexpr std::array signals_ = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
  std::array<struct sigaction, signals_.size()> before_{};
};

/// "SIGUSR1", "SIGTERM", ...
const char* signal_name(int signal) noexcept;

}  // namespace invar::parallel
