// The program with more models, as a user's own program would be.
#include "invar/app/program.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#include "invar/model_process/process_model.hpp"
#include "invar/model_umbridge/umbridge.hpp"
#include "support/faulty_model.hpp"
#include "support/lying_model.hpp"
#include "support/toy_model.hpp"

int main(int argc, char** argv) {
  invar::model::ModelRegistry registry;
  invar::model_petsc::add_builtin_models(registry);
  invar::model_process::add_process_model(registry);
  invar::model_umbridge::add_umbridge_model(registry);
  registry.add(invar::test::toy_model());
  registry.add(invar::test::faulty_model());
  registry.add(invar::test::lying_model());
  return invar::app::run_program(argc, argv, registry);
}
