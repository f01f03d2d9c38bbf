#pragma once

namespace invar::core {

/// Version of the library and the program, "major.minor.patch".
const char* version() noexcept;

/// The commit that was built, or "unknown" outside a git checkout.
const char* commit() noexcept;

}  // namespace invar::core
