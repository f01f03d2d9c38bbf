#include "model_umbridge/watchdog.hpp"

#include <utility>

namespace invar::model_umbridge {
namespace {

constexpr std::chrono::hours longest_sleep{1};

}  // namespace

Watchdog::Watchdog(std::function<void()> bark)
    : bark_(std::move(bark)), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void Watchdog::arm(Clock::time_point at) {
  const std::lock_guard lock(mutex_);
  at_ = at;
  if (at < wakes_) {
    changed_.notify_one();
  }
}

void Watchdog::disarm() {
  const std::lock_guard lock(mutex_);
  at_ = Clock::time_point::max();
}

void Watchdog::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    if (at_ <= now) {
      at_ = Clock::time_point::max();
      bark_();
    }
    wakes_ = std::min(at_, now + longest_sleep);
    changed_.wait_until(lock, stop, wakes_, [this] { return at_ < wakes_; });
  }
}

}  // namespace invar::model_umbridge
