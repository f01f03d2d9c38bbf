#pragma once

#include <memory>

#include <httplib.h>

#include "model_umbridge/connection.hpp"

namespace invar::model_umbridge {

/// A client for one server, which breaks off when a line of an answer's head is too long: the
/// library matches it with std::regex, which descends by recursion, a call per character, so that a
/// server could end this process. (Over https the lines are not looked at.)
///
/// MPI: Local.
/// @throws std::invalid_argument  for https where the library has no SSL
std::unique_ptr<httplib::ClientImpl> make_http_client(const Address& address);

}  // namespace invar::model_umbridge
