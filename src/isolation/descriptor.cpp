#include "invar/isolation/descriptor.hpp"

#include <unistd.h>

namespace invar::isolation {

void Descriptor::close() noexcept {
  if (number_ >= 0) {
    ::close(std::exchange(number_, -1));
  }
}

}  // namespace invar::isolation
