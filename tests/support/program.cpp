#include "support/program.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace invar::test {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  std::string name = (fs::temp_directory_path() / "invar-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("mkdtemp failed for " + name);
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string outside_the_job(const std::string& command) {
  return "for v in $(env | sed -n 's/^\\(OMPI_COMM_[A-Z_]*\\|OMPI_MCA_orte[a-z_]*\\|"
         "OMPI_MCA_ess[a-z_]*\\|OMPI_MCA_pmix[a-z_]*\\|PMIX_[A-Z_0-9]*\\)=.*/\\1/p'); do "
         "unset $v; done; " +
         command;
}

ProgramResult run_shell(const std::string& command, double timeout_s) {
  const ScratchFolder folder;
  const std::string out = (folder / "out").string();
  const std::string err = (folder / "err").string();
  const std::string line = outside_the_job("timeout -k 2 " + std::to_string(timeout_s) + " " +
                                           command + " >" + out + " 2>" + err + " </dev/null");
  const int status = std::system(line.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = read_file(out),
          .err = read_file(err)};
}

std::string on_ranks(int num_ranks, const std::string& program) {
  return num_ranks == 1 ? program
                        : "mpiexec --oversubscribe -n " + std::to_string(num_ranks) + " " + program;
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

std::string read_file(const fs::path& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double endurance_scale() {
  const char* text = std::getenv("INVAR_ENDURANCE_SCALE");
  return text == nullptr ? 0.1 : std::atof(text);
}

}  // namespace invar::test
