// `invar eval` under a name of its own, for those who start a driver with two arguments.
#include <string>
#include <vector>

#include "app/standard_models.hpp"
#include "invar/app/program.hpp"

int main(int argc, char** argv) {
  std::string command = "eval";
  std::vector<char*> arguments = {argv[0], command.data()};
  for (int i = 1; i <= argc; ++i) {
    arguments.push_back(argv[i]);  // and the null at their end
  }
  return invar::app::run_program(argc + 1, arguments.data(), invar::app::standard_models());
}
