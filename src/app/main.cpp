#include "invar/app/program.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#ifdef INVAR_WITH_PLUGINS
#include "invar/model_plugin/plugin.hpp"
#endif
#include "invar/model_process/process_model.hpp"
#include "invar/model_umbridge/umbridge.hpp"

int main(int argc, char** argv) {
  invar::model::ModelRegistry registry;
  invar::model_petsc::add_builtin_models(registry);
  invar::model_process::add_process_model(registry);
#ifdef INVAR_WITH_PLUGINS
  invar::model_plugin::add_plugin_model(registry);
#endif
  invar::model_umbridge::add_umbridge_model(registry);
  return invar::app::run_program(argc, argv, registry);
}
