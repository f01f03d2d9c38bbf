#include "store/syncer.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>

#include <unistd.h>

namespace invar::store {

Syncer::Syncer(double interval_s) {
  // The thread inherits a mask that leaves every signal to the threads that expect them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, interval_s] { run(interval_s); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Syncer::~Syncer() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Syncer::watch(int descriptor) {
  const std::lock_guard lock(mutex_);
  sync_if_dirty();
  descriptor_ = descriptor;
}

void Syncer::run(double interval_s) {
  std::unique_lock lock(mutex_);
  bool is_last = false;
  while (!is_last) {
    is_last = wake_.wait_for(lock, std::chrono::duration<double>(interval_s),
                             [this] { return is_stopping_; });
    sync_if_dirty();
  }
}

void Syncer::sync_if_dirty() {
  if (is_dirty_.exchange(false, std::memory_order_acq_rel) && descriptor_ >= 0 &&
      ::fdatasync(descriptor_) != 0) {
    int none = 0;
    error_.compare_exchange_strong(none, errno);
  }
}

}  // namespace invar::store
