#include "store/lock.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::store {

CampaignLock::CampaignLock(const std::filesystem::path& campaign, double timeout_s)
    : file_(campaign / "lock", O_RDWR | O_CREAT) {
  using Clock = std::chrono::steady_clock;
  const auto give_up = Clock::now() + std::chrono::duration<double>(timeout_s);
  while (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw_io("lock", file_.path(), errno);
    }
    if (Clock::now() >= give_up) {
      std::string holder = file_.read_at(0, 200);
      throw Error(ErrorKind::io,
                  fmt::format("the campaign {} is in use by another program ({}); waited for it "
                              "{:g} s",
                              campaign.string(), holder.empty() ? "unknown" : holder, timeout_s));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  file_.truncate(0);
  file_.write_at(0, fmt::format("process {} on {}", ::getpid(), host));
}

bool is_locked(const std::filesystem::path& campaign) noexcept {
  try {
    const File file(campaign / "lock", O_RDONLY);
    return ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;  // the file's end lets go of it again
  } catch (const Error&) {
    return false;
  }
}

}  // namespace invar::store
