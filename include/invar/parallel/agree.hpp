#pragma once

#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "invar/core/error.hpp"
#include "invar/parallel/comm.hpp"

namespace invar::parallel {

/// An error that every rank of a communicator throws at the same place, so that all can go on
/// communicating: print on one rank, finalise, and exit with its kind.
class CollectiveError : public core::Error {
 public:
  CollectiveError(core::ErrorKind kind, const std::string& message, int rank)
      : core::Error(kind, message), rank_(rank) {}

  /// The rank whose message this is.
  [[nodiscard]] int rank() const noexcept { return rank_; }

 private:
  int rank_;
};

/// Returns on every rank when `failure` is null on all of them.
///
/// MPI:     Collective on comm.
/// Cost:    one Allreduce of an integer in the good case. Waits without keeping a core busy.
/// @throws CollectiveError  on every rank otherwise, with the kind and message of the lowest
///                          failing rank; what is not an `Error` counts as `internal`
void agree_on(const Comm& comm, const std::exception_ptr& failure);

/// Runs a local step that may throw, inside collective code: every rank returns the value of its
/// own step, or all throw the same error.
///
/// MPI:     Collective on comm; `step` must not communicate on `comm`.
/// Cost:    that of `agree_on`.
/// @throws CollectiveError  as `agree_on`
template <class Step>
auto agree(const Comm& comm, Step&& step) -> std::invoke_result_t<Step> {
  using Value = std::invoke_result_t<Step>;
  static_assert(!std::is_reference_v<Value>, "return a value or a pointer");
  std::exception_ptr failure;
  if constexpr (std::is_void_v<Value>) {
    try {
      std::forward<Step>(step)();
    } catch (...) {
      failure = std::current_exception();
    }
    agree_on(comm, failure);
  } else {
    std::optional<Value> value;
    try {
      value.emplace(std::forward<Step>(step)());
    } catch (...) {
      failure = std::current_exception();
    }
    agree_on(comm, failure);
    return std::move(*value);
  }
}

}  // namespace invar::parallel
