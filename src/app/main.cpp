#include "invar/app/program.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#include "invar/model_umbridge/umbridge.hpp"

int main(int argc, char** argv) {
  invar::model::ModelRegistry registry;
  invar::model_petsc::add_builtin_models(registry);
  invar::model_umbridge::add_umbridge_model(registry);
  return invar::app::run_program(argc, argv, registry);
}
