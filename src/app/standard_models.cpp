#include "app/standard_models.hpp"

#include "invar/model_petsc/builtin_models.hpp"
#ifdef INVAR_WITH_PLUGINS
#include "invar/model_plugin/plugin.hpp"
#endif
#include "invar/model_process/process_model.hpp"
#include "invar/model_umbridge/umbridge.hpp"

namespace invar::app {

model::ModelRegistry standard_models() {
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  model_process::add_process_model(registry);
#ifdef INVAR_WITH_PLUGINS
  model_plugin::add_plugin_model(registry);
#endif
  model_umbridge::add_umbridge_model(registry);
  return registry;
}

}  // namespace invar::app
