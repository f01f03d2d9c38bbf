#pragma once

#include <sys/types.h>

#include "invar/isolation/descriptor.hpp"
#include "invar/isolation/host.hpp"

namespace invar::isolation {

/// The life of a fork server, in the process that was just forked for it.
///
/// @param commands  its end of the connection to the worker
/// @param worker    process id of the worker
[[noreturn]] void run_server(Descriptor commands, pid_t worker, const Host& host);

}  // namespace invar::isolation
