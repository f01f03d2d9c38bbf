#include "invar/parallel/stop_signals.hpp"

#include <atomic>
#include <cstring>

#include "invar/core/error.hpp"

namespace invar::parallel {
namespace {

// A handler has no other way to know whom to tell.
std::atomic<StopControl*> told{nullptr};

extern "C" void handle(int signal) {
  StopControl* const control = told.load(std::memory_order_relaxed);
  if (control == nullptr) {
    return;
  }
  if (signal == SIGUSR2) {
    control->ask_for_status();
  } else {
    control->ask(signal);
  }
}

}  // namespace

StopSignals::StopSignals(StopControl& control) {
  INVAR_EXPECTS(told.load() == nullptr);
  told.store(&control);
  for (std::size_t i = 0; i < signals_.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    const bool ends_at_the_second = signals_.at(i) == SIGTERM || signals_.at(i) == SIGINT;
    action.sa_flags = SA_RESTART | (ends_at_the_second ? static_cast<int>(SA_RESETHAND) : 0);
    ::sigaction(signals_.at(i), &action, &before_.at(i));
  }
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < signals_.size(); ++i) {
    ::sigaction(signals_.at(i), &before_.at(i), nullptr);
  }
  told.store(nullptr);
}

const char* signal_name(int signal) noexcept {
  switch (signal) {
    case SIGUSR1:
      return "SIGUSR1";
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    default:
      return "a signal";
  }
}

}  // namespace invar::parallel
