#include "invar/parallel/agree.hpp"

#include <array>

#include "parallel/message.hpp"

namespace invar::parallel {
namespace {

struct Description {
  int kind = static_cast<int>(core::ErrorKind::internal);
  std::string message;
};

Description describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const core::Error& error) {
    return {.kind = error.exit_code(), .message = error.what()};
  } catch (const std::exception& error) {
    return {.message = error.what()};
  } catch (...) {
    return {.message = "an exception that is no std::exception"};
  }
}

void broadcast_from(const Comm& comm, int root, void* data, int count, MPI_Datatype type) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibcast(data, count, type, root, comm.get(), &request);
  wait_in_naps(request);
}

}  // namespace

void agree_on(const Comm& comm, const std::exception_ptr& failure) {
  const int size = comm.size();
  const int mine = failure ? comm.rank() : size;
  int lowest = size;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm.get(), &request);
  wait_in_naps(request);
  if (lowest == size) {
    return;
  }
  Description told;
  if (mine == lowest) {
    told = describe(failure);
  }
  std::array<int, 2> head = {told.kind, static_cast<int>(told.message.size())};
  broadcast_from(comm, lowest, head.data(), static_cast<int>(head.size()), MPI_INT);
  told.message.resize(static_cast<std::size_t>(head[1]));
  broadcast_from(comm, lowest, told.message.data(), head[1], MPI_CHAR);
  throw CollectiveError(static_cast<core::ErrorKind>(head[0]), told.message, lowest);
}

}  // namespace invar::parallel
