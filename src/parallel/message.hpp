#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <mpi.h>

#include "parallel/backoff.hpp"

namespace invar::parallel {

/// Waits for a request in naps, where MPI_Wait would keep a core busy.
inline void wait_in_naps(MPI_Request& request) {
  int is_done = 0;
  MPI_Test(&request, &is_done, MPI_STATUS_IGNORE);
  for (Backoff backoff; is_done == 0;) {
    backoff.pause();
    MPI_Test(&request, &is_done, MPI_STATUS_IGNORE);
  }
}

/// Whether MPI's counts, which are ints, can say the length.
inline bool is_sendable(std::span<const std::byte> bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

/// Who sent a message, and what it is.
struct Envelope {
  int source = 0;
  int tag = 0;
};

/// Receives a message of any length and tag into `bytes` if one has arrived.
inline std::optional<Envelope> receive_if_any(MPI_Comm comm, int source,
                                              std::vector<std::byte>& bytes) {
  int is_there = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  MPI_Improbe(source, MPI_ANY_TAG, comm, &is_there, &message, &status);
  if (is_there == 0) {
    return std::nullopt;
  }
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  bytes.resize(static_cast<std::size_t>(count));
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Imrecv(bytes.data(), count, MPI_BYTE, &message, &request);
  wait_in_naps(request);
  return Envelope{status.MPI_SOURCE, status.MPI_TAG};
}

/// Receives a message of any length and tag into `bytes`, waiting for it in naps.
inline Envelope receive(MPI_Comm comm, int source, std::vector<std::byte>& bytes) {
  for (Backoff backoff;; backoff.pause()) {
    if (const auto envelope = receive_if_any(comm, source, bytes)) {
      return *envelope;
    }
  }
}

/// The kinds of messages on the pool's communicators.
enum Tag : int { tag_task = 1, tag_shut_down = 2, tag_reply = 3, tag_left = 4 };

}  // namespace invar::parallel
