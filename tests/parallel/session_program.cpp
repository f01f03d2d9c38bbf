// A `main` as CONVENTIONS describe it, in which one rank of several fails in the way that is named.
#include <cstdio>
#include <stdexcept>
#include <string>

#include "invar/parallel/agree.hpp"
#include "invar/parallel/session.hpp"

namespace {

using invar::Error;
using invar::ErrorKind;
using invar::parallel::Session;

void run(const Session& session, const std::string& failure) {
  const bool is_guilty = session.world().rank() == session.world().size() - 1;
  if (failure == "together") {
    invar::parallel::agree(session.world(), [&] {
      if (is_guilty) {
        throw Error(ErrorKind::data, "told by all");
      }
    });
  }
  if (failure == "alone" && is_guilty) {
    throw Error(ErrorKind::io, "told by one");
  }
  if (failure == "expectation") {
    INVAR_EXPECTS(!is_guilty);
  }
  // Where the others wait.
  invar::parallel::all_of(session.world(), true);
}

int guarded(int argc, char** argv, const std::string& failure) {
  const Session session(argc, argv);
  try {
    run(session, failure);
  } catch (const invar::parallel::CollectiveError& error) {
    if (session.world().rank() == 0) {
      std::fprintf(stderr, "error: %s\n", error.what());
    }
    return error.exit_code();
  } catch (const Error& error) {
    std::fprintf(stderr, "[rank %d] error: %s\n", session.world().rank(), error.what());
    Session::abort(error.exit_code());
  }
  std::printf("done on rank %d of %d\n", session.world().rank(), session.world().size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string failure = argc > 1 ? argv[1] : "";
  if (failure == "escape") {
    try {
      const Session session(argc, argv);
      run(session, "");
      if (session.world().rank() == session.world().size() - 1) {
        throw std::runtime_error("forgotten");
      }
      invar::parallel::all_of(session.world(), true);
    } catch (const std::exception&) {
      return 1;
    }
    return 0;
  }
  return guarded(argc, argv, failure);
}
