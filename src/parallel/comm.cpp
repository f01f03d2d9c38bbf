#include "invar/parallel/comm.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "invar/core/error.hpp"
#include "parallel/message.hpp"

namespace invar::parallel {

Comm Comm::duplicate(MPI_Comm parent) {
  INVAR_EXPECTS(parent != MPI_COMM_NULL);
  MPI_Comm duplicated = MPI_COMM_NULL;
  MPI_Comm_dup(parent, &duplicated);
  return Comm(duplicated);
}

Comm Comm::split(const Comm& parent, int color) {
  INVAR_EXPECTS(color >= 0);
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(parent.get(), color, parent.rank(), &part);
  return Comm(part);
}

Comm::~Comm() {
  if (comm_ == MPI_COMM_NULL) {
    return;
  }
  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  if (is_finalized == 0) {
    MPI_Comm_free(&comm_);
  }
}

int Comm::rank() const {
  int value = 0;
  MPI_Comm_rank(comm_, &value);
  return value;
}

int Comm::size() const {
  int value = 0;
  MPI_Comm_size(comm_, &value);
  return value;
}

int largest_of(const Comm& comm, int value) {
  int largest = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&value, &largest, 1, MPI_INT, MPI_MAX, comm.get(), &request);
  wait_in_naps(request);
  return largest;
}

bool all_of(const Comm& comm, bool condition) {
  const int mine = condition ? 1 : 0;
  int least = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&mine, &least, 1, MPI_INT, MPI_MIN, comm.get(), &request);
  wait_in_naps(request);
  return least == 1;
}

void broadcast(const Comm& comm, std::string& bytes) {
  std::uint64_t length = bytes.size();
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibcast(&length, 1, MPI_UINT64_T, 0, comm.get(), &request);
  wait_in_naps(request);
  bytes.resize(length);
  // MPI counts are ints.
  constexpr std::uint64_t largest_piece = std::uint64_t{1} << 30U;
  for (std::uint64_t begin = 0; begin < length; begin += largest_piece) {
    const auto count = static_cast<int>(std::min(largest_piece, length - begin));
    MPI_Ibcast(bytes.data() + begin, count, MPI_BYTE, 0, comm.get(), &request);
    wait_in_naps(request);
  }
}

}  // namespace invar::parallel
