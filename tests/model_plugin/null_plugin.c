/* A model that does nothing: all that a plugin must have. */
#include "invar/plugin.h"

int32_t invar_plugin_info(InvarPluginInfo* info) {
  *info = (InvarPluginInfo){INVAR_PLUGIN_ABI, sizeof(InvarPluginInfo), sizeof(InvarPluginRequest),
                            sizeof(InvarPluginResult), 0};
  return INVAR_PLUGIN_OK;
}

int32_t invar_plugin_create(int32_t communicator, const char* options, void** model) {
  (void)communicator;
  (void)options;
  *model = 0;
  return INVAR_PLUGIN_OK;
}

int32_t invar_plugin_sizes(void* model, int64_t* num_parameters, int64_t* num_qois) {
  (void)model;
  *num_parameters = 3;
  *num_qois = 5;
  return INVAR_PLUGIN_OK;
}

int32_t invar_plugin_evaluate(void* model, const InvarPluginRequest* request,
                              InvarPluginResult* result) {
  (void)model;
  for (int i = 0; i < 5; ++i) {
    result->qois[i] = request->parameters[0];
  }
  return INVAR_PLUGIN_OK;
}
