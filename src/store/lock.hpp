#pragma once

#include <filesystem>

#include "store/files.hpp"

namespace invar::store {

/// Keeps other programs out of a campaign as long as it lives. The kernel lets go when the program
/// ends, however it ends; no child that calls exec keeps it.
class CampaignLock {
 public:
  /// @throws Error(io)  when another program (named) still has it after `timeout_s`
  CampaignLock(const std::filesystem::path& campaign, double timeout_s);

 private:
  File file_;
};

/// Whether a program has the campaign now.
bool is_locked(const std::filesystem::path& campaign) noexcept;

}  // namespace invar::store
