#include "invar/parallel/serve.hpp"

#include "invar/core/error.hpp"
#include "parallel/message.hpp"

namespace invar::parallel {
namespace {

/// Passes a message of the manager on to the other ranks of the group.
void forward(const Comm& team, const std::vector<std::byte>& bytes, int tag) {
  std::vector<MPI_Request> requests;
  for (int member = 1; member < team.size(); ++member) {
    MPI_Request& request = requests.emplace_back(MPI_REQUEST_NULL);
    MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, member, tag, team.get(),
              &request);
  }
  for (MPI_Request& request : requests) {
    wait_in_naps(request);
  }
}

void answer(const Comm& all, const std::vector<std::byte>& bytes, int tag) {
  INVAR_EXPECTS(is_sendable(bytes));
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, tag, all.get(), &request);
  wait_in_naps(request);
}

}  // namespace

void serve(const Groups& groups, const TaskHandler& handler) {
  INVAR_EXPECTS(!groups.is_manager());
  // Members listen to their leader, everyone else to the manager; both are rank 0 there.
  const bool is_member = groups.is_worker() && !groups.is_leader();
  const Comm& superior = is_member ? groups.team() : groups.all();
  std::vector<std::byte> task;
  std::vector<std::byte> reply;
  while (true) {
    const Envelope envelope = receive(superior.get(), 0, task);
    if (groups.is_leader()) {
      forward(groups.team(), task, envelope.tag);
    }
    if (envelope.tag == tag_shut_down) {
      break;
    }
    reply.clear();
    handler(task, reply);
    if (groups.is_leader()) {
      answer(groups.all(), reply, tag_reply);
    }
  }
  if (groups.is_leader()) {
    answer(groups.all(), {}, tag_left);
  }
}

}  // namespace invar::parallel
