#pragma once

#include <string>
#include <utility>

#include <mpi.h>

namespace invar::parallel {

/// The only owner of a communicator.
///
/// Messages of different parties never meet because everyone talks on a duplicate of their own.
/// The destructor frees it without waiting for the other ranks (tried with Open MPI 4), so
/// unwinding on one rank alone is harmless.
class Comm {
 public:
  Comm() = default;  // MPI_COMM_NULL

  /// A duplicate of `parent`.
  /// MPI: Collective on parent.
  [[nodiscard]] static Comm duplicate(MPI_Comm parent);

  /// The ranks of `parent` that pass the same color, in the order of their ranks there.
  /// MPI: Collective on parent.
  [[nodiscard]] static Comm split(const Comm& parent, int color);

  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;
  Comm(Comm&& other) noexcept : comm_(std::exchange(other.comm_, MPI_COMM_NULL)) {}
  Comm& operator=(Comm&& other) noexcept {
    std::swap(comm_, other.comm_);
    return *this;
  }
  ~Comm();

  [[nodiscard]] MPI_Comm get() const noexcept { return comm_; }

  /// @pre not null
  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;

 private:
  explicit Comm(MPI_Comm owned) : comm_(owned) {}

  MPI_Comm comm_ = MPI_COMM_NULL;
};

/// Whether `condition` holds on every rank.
/// MPI: Collective on comm.
bool all_of(const Comm& comm, bool condition);

/// The largest of the ranks' values.
/// MPI: Collective on comm.
int largest_of(const Comm& comm, int value);

/// Replaces `bytes` on every rank by those of rank 0; of any length.
/// MPI: Collective on comm.
void broadcast(const Comm& comm, std::string& bytes);

}  // namespace invar::parallel
