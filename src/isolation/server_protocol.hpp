#pragma once

#include <cstdint>

#include "invar/isolation/fork_server.hpp"

// What a worker and its fork server say to each other: one packet per message.
namespace invar::isolation {

struct Command {
  enum class Kind : std::int32_t {
    start,  // comes with the descriptor that the child gets
    kill,
    quit,
  };
  Kind kind = Kind::quit;
  std::int32_t unused = 0;
  std::int64_t number = 0;
};

struct News {
  std::int64_t number = 0;
  Ending ending;
};

}  // namespace invar::isolation
