#include "app/standard_models.hpp"
#include "invar/app/program.hpp"

int main(int argc, char** argv) {
  return invar::app::run_program(argc, argv, invar::app::standard_models());
}
