#pragma once

#include <csignal>

#include <sys/types.h>

#include "invar/isolation/descriptor.hpp"
#include "invar/isolation/host.hpp"

namespace invar::isolation {

/// Where a child comes from.
struct Origin {
  pid_t server = -1;       // its parent
  sigset_t signal_mask{};  // of the program, before the server changed it
};

/// The life of a process that runs a model, from its fork on.
///
/// @param channel  its end of the connection to the worker
[[noreturn]] void live(Descriptor channel, const Origin& origin, const Host& host);

}  // namespace invar::isolation
