/* Heat in a rod of two materials, as a plugin of Invar.
 *
 * -(k u')' = s on (0, 1), u = 0 at both ends; k is exp(log_k_left) in the left half, else
 * exp(log_k_right). Parameters: log_k_left, log_k_right, source s. QoIs: u at five sensors.
 * Finite volumes on `cells` cells, an even number; one tridiagonal system per run. Derivatives: the
 * same system with the differentiated right-hand side, once per parameter.
 *
 * Part 1 is the simulation as it was before it met Invar; part 2 is what couples it.
 */
#include <invar/plugin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- 1. The simulation ---- */

enum { num_parameters = 3, num_sensors = 5 };

typedef struct {
  int cells;
  double* conductance; /* of the cells + 1 faces, over the width of a cell */
  double* change;      /* of these by one parameter */
  double *diagonal, *temperature, *slope;
} Rod;

/* Sets a row of conductances to sum_j weight[j] d conductance / d log_k_j; they are homogeneous in
 * the conductivities, so that weights of 1 give the conductances themselves. */
static void add_up(const Rod* rod, const double* log_k, const double* weight, double* out) {
  const double k[2] = {exp(log_k[0]), exp(log_k[1])};
  const int n = rod->cells;
  for (int face = 0; face <= n; ++face) {
    const int left = face <= n / 2 ? 0 : 1;
    const int right = face < n / 2 ? 0 : 1;
    const double resistance = 1 / k[left] + 1 / k[right];
    const double share = (1 / k[left]) / resistance;
    const int is_end = face == 0 || face == n; /* half a cell away */
    out[face] = (is_end ? 2 : 1) * 2 / resistance * n *
                (weight[left] * share + weight[right] * (1 - share));
  }
}

/* Solves for `x`, which holds the right-hand side at first (Thomas' algorithm). */
static void solve(Rod* rod, double* x) {
  const double* g = rod->conductance;
  const int n = rod->cells;
  for (int i = 0; i < n; ++i) {
    rod->diagonal[i] = g[i] + g[i + 1];
    if (i > 0) {
      const double factor = g[i] / rod->diagonal[i - 1];
      rod->diagonal[i] -= factor * g[i];
      x[i] += factor * x[i - 1];
    }
  }
  for (int i = n - 1; i >= 0; --i) {
    x[i] = (x[i] + (i < n - 1 ? g[i + 1] * x[i + 1] : 0)) / rod->diagonal[i];
  }
}

static double at_sensor(const Rod* rod, const double* u, int sensor) {
  return u[(2 * sensor + 1) * rod->cells / (2 * num_sensors)];
}

static void temperatures(Rod* rod, const double* p) {
  const double both[2] = {1, 1};
  add_up(rod, p, both, rod->conductance);
  for (int i = 0; i < rod->cells; ++i) {
    rod->temperature[i] = p[2] / rod->cells;
  }
  solve(rod, rod->temperature);
}

/* d u / d p_j, after `temperatures`. */
static void derivative(Rod* rod, const double* p, int j) {
  const double weight[2] = {j == 0, j == 1};
  const double* u = rod->temperature;
  const int n = rod->cells;
  add_up(rod, p, weight, rod->change);
  for (int i = 0; i < n; ++i) {
    const double from_left = (i > 0 ? u[i - 1] : 0) - u[i];
    const double from_right = (i < n - 1 ? u[i + 1] : 0) - u[i];
    rod->slope[i] = j == 2 ? 1.0 / n : rod->change[i] * from_left + rod->change[i + 1] * from_right;
  }
  solve(rod, rod->slope);
}

/* ---- 2. What couples it ---- */

static char message[200];

int32_t invar_plugin_info(InvarPluginInfo* info) {
  info->abi_version = INVAR_PLUGIN_ABI;
  info->info_size = sizeof(InvarPluginInfo);
  info->request_size = sizeof(InvarPluginRequest);
  info->result_size = sizeof(InvarPluginResult);
  info->capabilities = INVAR_PLUGIN_JACOBIAN;
  return INVAR_PLUGIN_OK;
}

void invar_plugin_destroy(void* model) {
  Rod* rod = model;
  free(rod->conductance);
  free(rod);
}

int32_t invar_plugin_create(int32_t communicator, const char* options, void** model) {
  (void)communicator; /* every rank of a group computes the same; a parallel code uses
                         MPI_Comm_f2c(communicator) */
  int cells = 40;
  /* Enough for one number; a JSON library reads more. */
  const char* key = strstr(options, "\"cells\":");
  if (key != NULL) {
    cells = atoi(key + strlen("\"cells\":"));
  }
  if (cells < 10 || cells > 1000000 || cells % 2 != 0) {
    snprintf(message, sizeof message,
             "options.cells: expected an even number in [10, 1000000], found %d", cells);
    return INVAR_PLUGIN_FAILED;
  }
  const size_t n = (size_t)cells + 1;
  Rod* rod = malloc(sizeof *rod);
  double* memory = malloc(5 * n * sizeof *memory);
  if (rod == NULL || memory == NULL) {
    free(rod);
    free(memory);
    snprintf(message, sizeof message, "no memory for %d cells", cells);
    return INVAR_PLUGIN_FAILED;
  }
  *rod = (Rod){cells, memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n};
  *model = rod;
  return INVAR_PLUGIN_OK;
}

int32_t invar_plugin_sizes(void* model, int64_t* parameters, int64_t* qois) {
  (void)model;
  *parameters = num_parameters;
  *qois = num_sensors;
  return INVAR_PLUGIN_OK;
}

const char* invar_plugin_name(void* model, int32_t kind, int64_t index) {
  static const char* const names[num_parameters] = {"log_k_left", "log_k_right", "source"};
  (void)model;
  return kind == 0 && index < num_parameters ? names[index] : NULL;
}

const char* invar_plugin_last_error(void* model) {
  (void)model;
  return message;
}

int32_t invar_plugin_evaluate(void* model, const InvarPluginRequest* request,
                              InvarPluginResult* result) {
  Rod* rod = model;
  const double* p = request->parameters;
  /* Whatever an optimiser may try: say what does not work. */
  if (!(fabs(p[0]) < 300 && fabs(p[1]) < 300)) {
    snprintf(message, sizeof message, "the conductivities exp(%g) and exp(%g) are out of range",
             p[0], p[1]);
    return INVAR_PLUGIN_FAILED;
  }
  temperatures(rod, p);
  for (int i = 0; i < num_sensors; ++i) {
    result->qois[i] = at_sensor(rod, rod->temperature, i);
  }
  for (int j = 0; request->wants_jacobian && j < num_parameters; ++j) {
    derivative(rod, p, j);
    for (int i = 0; i < num_sensors; ++i) {
      result->jacobian[i + num_sensors * j] = at_sensor(rod, rod->slope, i);
    }
  }
  return INVAR_PLUGIN_OK;
}
