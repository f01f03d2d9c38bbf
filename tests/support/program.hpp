#pragma once

// Runs a program as a user would, in a scratch folder, and keeps what it printed.

#include <filesystem>
#include <string>

namespace invar::test {

/// A folder that is empty at first and removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder(ScratchFolder&&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

struct ProgramResult {
  int exit_code = 0;  // 128 + signal where a signal ended it; 124 after the timeout
  std::string out;
  std::string err;
};

/// A command for the shell that does not see the job which the test itself may be a part of.
std::string outside_the_job(const std::string& command);

/// Runs a shell command and waits for it.
ProgramResult run_shell(const std::string& command, double timeout_s = 60.0);

/// The command that starts `program` on that many ranks; on one rank without mpiexec.
std::string on_ranks(int num_ranks, const std::string& program);

void write_file(const std::filesystem::path& path, const std::string& text);
std::string read_file(const std::filesystem::path& path);

/// The share of the full length that endurance tests run: INVAR_ENDURANCE_SCALE, 0.1 by default.
double endurance_scale();

}  // namespace invar::test
