#include "store/lock.hpp"

#include <chrono>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "invar/core/error.hpp"
#include "store/support/campaign.hpp"

namespace invar::store {
namespace {

using testing::TemporaryDirectory;

/// A child that holds the lock for a while, or until it is killed.
class Holder {
 public:
  Holder(const std::filesystem::path& campaign, int milliseconds) {
    int ends[2];
    if (::pipe(ends) != 0) {
      std::abort();
    }
    child_ = ::fork();
    if (child_ == 0) {
      const CampaignLock lock(campaign, 0.0);
      (void)!::write(ends[1], "x", 1);
      ::usleep(static_cast<useconds_t>(milliseconds) * 1000U);
      ::_exit(0);
    }
    char byte = 0;
    (void)!::read(ends[0], &byte, 1);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  Holder(Holder&&) = delete;
  Holder& operator=(Holder&&) = delete;
  ~Holder() {
    kill();
    ::waitpid(child_, nullptr, 0);
  }
  void kill() const { ::kill(child_, SIGKILL); }
  [[nodiscard]] pid_t child() const { return child_; }

 private:
  pid_t child_ = -1;
};

TEST(CampaignLock, NamesTheProgramThatHasIt) {
  const TemporaryDirectory directory;
  const Holder holder(directory.path(), 20000);

  try {
    const CampaignLock lock(directory.path(), 0.05);
    FAIL() << "two programs have it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find(std::to_string(holder.child())), std::string::npos)
        << error.what();
  }
}

TEST(CampaignLock, WaitsForAProgramThatIsAboutToEnd) {
  const TemporaryDirectory directory;
  const Holder holder(directory.path(), 200);

  EXPECT_NO_THROW(CampaignLock(directory.path(), 10.0));
}

TEST(CampaignLock, IsFreeOnceItsHolderIsKilled) {
  const TemporaryDirectory directory;
  const Holder holder(directory.path(), 20000);
  holder.kill();

  EXPECT_NO_THROW(CampaignLock(directory.path(), 10.0));
}

TEST(CampaignLock, IsNotInheritedByOtherPrograms) {
  const TemporaryDirectory directory;
  pid_t child = -1;
  {
    const CampaignLock lock(directory.path(), 0.0);
    child = ::fork();
    if (child == 0) {
      ::execl("/bin/sleep", "sleep", "20", nullptr);
      ::_exit(127);
    }
  }

  EXPECT_NO_THROW(CampaignLock(directory.path(), 5.0));

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(CampaignStore, LetsNoSecondProgramIn) {
  const TemporaryDirectory directory;
  create_campaign(directory / "campaign", {.study_text = "invar: 1\n", .data_files = {}});
  const CampaignStore first(directory / "campaign");
  StoreOptions options;
  options.lock_timeout_s = 0.0;

  EXPECT_THROW(CampaignStore(directory / "campaign", options), Error);
}

}  // namespace
}  // namespace invar::store
