#pragma once

#include <utility>

namespace invar::isolation {

/// Owns a file descriptor.
///
/// MPI: Local.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  /// The number, or -1.
  [[nodiscard]] int get() const noexcept { return number_; }
  void close() noexcept;

 private:
  int number_ = -1;
};

}  // namespace invar::isolation
