#include "doctor/holdings.hpp"

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <unistd.h>

namespace invar::doctor {
namespace {

namespace fs = std::filesystem;

double num_entries(const char* directory) {
  double number = 0;
  std::error_code ignored;
  for (fs::directory_iterator entry(directory, ignored); entry != fs::directory_iterator();
       entry.increment(ignored)) {
    ++number;
  }
  return number;
}

/// The parent of a process, or -1.
long parent_of(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t behind_name = text.rfind(')');  // the name may hold anything
  if (behind_name == std::string::npos || behind_name + 4 >= text.size()) {
    return -1;
  }
  return std::atol(text.c_str() + behind_name + 4);
}

double num_children() {
  double number = 0;
  std::error_code ignored;
  for (fs::directory_iterator entry("/proc", ignored); entry != fs::directory_iterator();
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos &&
        parent_of(entry->path()) == static_cast<long>(::getpid())) {
      ++number;
    }
  }
  return number;
}

}  // namespace

Holdings holdings_of_process() {
  long total_pages = 0;
  long resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  constexpr double bytes_per_megabyte = 1e6;
  return {.resident_megabytes = static_cast<double>(resident_pages) *
                                static_cast<double>(::sysconf(_SC_PAGESIZE)) / bytes_per_megabyte,
          .num_descriptors = num_entries("/proc/self/fd"),
          .num_threads = num_entries("/proc/self/task"),
          .num_children = num_children()};
}

double next_communicator(MPI_Comm comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(comm, &copy);
  const auto number = static_cast<double>(MPI_Comm_c2f(copy));
  MPI_Comm_free(&copy);
  return number;
}

}  // namespace invar::doctor
