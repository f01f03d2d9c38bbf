#pragma once

#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

namespace invar::test {

/// The descriptors of this process that are connected with another process on this machine.
inline std::vector<int> connections() {
  constexpr int most_descriptors = 256;
  std::vector<int> found;
  for (int descriptor = 3; descriptor < most_descriptors; ++descriptor) {
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sun_family == AF_UNIX) {
      found.push_back(descriptor);
    }
  }
  return found;
}

}  // namespace invar::test
