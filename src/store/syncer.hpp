#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace invar::store {

/// A thread that syncs one growing file now and then, so that nobody waits for the disk. It makes
/// no MPI calls and takes no signals.
class Syncer {
 public:
  explicit Syncer(double interval_s);
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;
  Syncer(Syncer&&) = delete;
  Syncer& operator=(Syncer&&) = delete;
  ~Syncer();

  /// The file to sync from now on; -1 for none. The one before is synced a last time.
  void watch(int descriptor);
  /// Something was written.
  void mark() { is_dirty_.store(true, std::memory_order_release); }
  /// errno of the first sync that failed, or 0.
  [[nodiscard]] int error() const { return error_.load(std::memory_order_acquire); }

 private:
  void run(double interval_s);
  void sync_if_dirty();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;
  int descriptor_ = -1;
  std::atomic<bool> is_dirty_{false};
  std::atomic<int> error_{0};
  std::thread thread_;
};

}  // namespace invar::store
