#include "invar/isolation/process_tools.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dirent.h>

#include "invar/isolation/descriptor.hpp"

namespace invar::isolation {
namespace {

using namespace std::chrono_literals;

// How long processes that were killed may take to go, before they are left to the kernel.
constexpr int most_sweeps = 200;
constexpr auto between_sweeps = 1ms;

/// The parent of a process, or -1.
pid_t parent_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/stat";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  if (file.get() < 0 || ::read(file.get(), text.data(), text.size() - 1) <= 0) {
    return -1;
  }
  // "17 (name) S 16 ...", where the name may hold anything
  const char* const behind_name = std::strrchr(text.data(), ')');
  int parent = -1;
  if (behind_name != nullptr && std::strlen(behind_name) > 4) {
    parent = std::atoi(behind_name + 4);
  }
  return parent;
}

/// The processes whose parent is this one.
std::vector<pid_t> children_of_this() {
  std::vector<pid_t> found;
  DIR* const directory = ::opendir("/proc");
  if (directory == nullptr) {
    return found;
  }
  while (const dirent* const entry = ::readdir(directory)) {
    const pid_t process = std::atoi(entry->d_name);
    if (process > 0 && parent_of(process) == ::getpid()) {
      found.push_back(process);
    }
  }
  ::closedir(directory);
  return found;
}

}  // namespace

void forget_launcher() {
  constexpr std::array<std::string_view, 10> prefixes = {
      "OMPI_", "OPAL_", "ORTE_",      "PRTE_",        "PMIX_",
      "PMI_",  "PMI2_", "SLURM_STEP", "SLURM_PROCID", "SLURM_TASK_PID"};
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    for (const std::string_view prefix : prefixes) {
      if (text.starts_with(prefix) && !text.starts_with("OMPI_ALLOW_RUN_AS_ROOT")) {
        names.emplace_back(text.substr(0, text.find('=')));
      }
    }
  }
  for (const std::string& name : names) {
    ::unsetenv(name.c_str());
  }
}

void volunteer_when_memory_runs_out() {
  const Descriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file.get() >= 0) {
    [[maybe_unused]] const ssize_t ignored = ::write(file.get(), "1000", 4);
  }
}

void end_orphans(const std::function<bool(pid_t)>& is_spared) {
  for (int i = 0; i < most_sweeps; ++i) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      return;  // there is no process at all
    }
    bool has_others = false;
    for (const pid_t process : children_of_this()) {
      if (!is_spared(process)) {
        has_others = true;
        ::kill(process, SIGKILL);
        ::waitpid(process, nullptr, WNOHANG);
      }
    }
    if (!has_others) {
      return;
    }
    std::this_thread::sleep_for(between_sweeps);
  }
}

}  // namespace invar::isolation
