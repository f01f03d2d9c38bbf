/* A simulation as a shared library that Invar loads: `model: {type: plugin, library:
 * ./libheat.so}`.
 *
 * The library defines the functions below with C linkage, in C, C++ (this header) or Fortran
 * (`bind(C)` and ISO_C_BINDING; Fortran needs no header: see "From Fortran" at the end). It links
 * nothing of Invar, and stays usable with every version of Invar of the same INVAR_PLUGIN_ABI.
 *
 *     cc -shared -fPIC -I PREFIX/include heat.c -o libheat.so
 *
 * Calls. info, then create, sizes and (optional) name once per group of ranks; evaluate any number
 * of times; destroy. Never two calls at the same time in one process. The library stays loaded
 * until the process ends.
 *
 * Ranks. Every rank of the group makes every call, with the same arguments. Communicate on the
 * group's communicator and on no other; a call that fails should fail on all ranks of the group,
 * and none may be left waiting for another.
 *
 * Arrays are of doubles. A matrix is stored a column after the other, as in Fortran: entry (i, j),
 * counted from 0, of a matrix of R rows is at [i + R * j].
 *
 * A C++ library must not let an exception leave its functions; Invar catches one where the
 * compilers' runtimes fit together, and takes the run for crashed.
 */
#ifndef INVAR_PLUGIN_H
#define INVAR_PLUGIN_H

/* C, not C++: NOLINTBEGIN(modernize-*) */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a library must be compiled (and perhaps written) anew. */
#define INVAR_PLUGIN_ABI 1

/* Derivatives that `evaluate` can give; added up in InvarPluginInfo.capabilities. */
#define INVAR_PLUGIN_JACOBIAN 1        /* J, the derivatives of all QoIs by all parameters */
#define INVAR_PLUGIN_JACOBIAN_VECTOR 2 /* J v for given directions v */
#define INVAR_PLUGIN_VECTOR_JACOBIAN 4 /* w^T J for given weights w */

/* What a function returns; every other value than 0 is a failure too and shown with the message. */
#define INVAR_PLUGIN_OK 0
#define INVAR_PLUGIN_FAILED 1

/* What the library was compiled for. */
typedef struct InvarPluginInfo {
  int32_t abi_version;  /* INVAR_PLUGIN_ABI */
  int32_t info_size;    /* sizeof(InvarPluginInfo): 20 */
  int32_t request_size; /* sizeof(InvarPluginRequest): 80 */
  int32_t result_size;  /* sizeof(InvarPluginResult): 32 */
  int32_t capabilities; /* INVAR_PLUGIN_... of the derivatives, added up; 0: none */
} InvarPluginInfo;

/* One run that is asked for. d parameters, m QoIs. What is not wanted has the count 0 and is NULL.
 */
typedef struct InvarPluginRequest {
  int64_t evaluation_id;    /* of the run in its campaign; -1 outside of one */
  int64_t num_parameters;   /* d */
  int64_t num_qois;         /* m */
  const double* parameters; /* d, in the coordinates and units of the study; may be absurd */
  int64_t wants_jacobian;   /* 1: fill InvarPluginResult.jacobian; 0: it is NULL */
  int64_t num_directions;   /* k: J v is wanted for so many v */
  const double* directions; /* d x k */
  int64_t num_weights;      /* l: w^T J is wanted for so many w */
  const double* weights;    /* m x l */
  int64_t reserved;         /* 0 */
} InvarPluginRequest;

/* Where the results go: memory of Invar, filled with NaN. What is left NaN counts as non-finite.
 * Only what rank 0 of the group writes is used; the others may write, or leave it. */
typedef struct InvarPluginResult {
  double* qois;             /* m */
  double* jacobian;         /* m x d: row i has the derivatives of QoI i; NULL: not wanted */
  double* jacobian_vectors; /* m x k: column i is J v_i; NULL: not wanted */
  double* vector_jacobians; /* d x l: column i is (w_i^T J)^T; NULL: not wanted */
} InvarPluginResult;

/* Fills in all of `info`. The first call; Invar refuses the library when a value does not fit. */
int32_t invar_plugin_info(InvarPluginInfo* info);

/* Makes the model on a group of ranks and hands it out in `model`, for the other calls.
 *
 * communicator: the group's, as a Fortran handle (MPI_Comm_f2c makes an MPI_Comm of it). MPI is
 *               initialised. It stays valid until destroy.
 * options:      `model.options` of the study as a JSON object, "{}" when there are none;
 *               NUL-terminated, valid during the call. Names of files in it are as in the study:
 *               Invar neither completes nor reads them. */
int32_t invar_plugin_create(int32_t communicator, const char* options, void** model);

/* The sizes, which never change: d parameters and m QoIs. They must be those of the study. */
int32_t invar_plugin_sizes(void* model, int64_t* num_parameters, int64_t* num_qois);

/* Optional: the name of a parameter (kind 0) or QoI (kind 1), counted from 0; NULL: it has none.
 * Shown where the sizes do not fit the study. Valid until the next call. */
const char* invar_plugin_name(void* model, int32_t kind, int64_t index);

/* Runs the model. The same parameters must give the same bits, whatever was run before. */
int32_t invar_plugin_evaluate(void* model, const InvarPluginRequest* request,
                              InvarPluginResult* result);

/* Optional: gives back what create took; not called when create failed. */
void invar_plugin_destroy(void* model);

/* Optional: why the last call failed, NUL-terminated (1,000 characters are read at most), valid
 * until the next call. `model` is NULL when create failed. */
const char* invar_plugin_last_error(void* model);

#ifdef __cplusplus
}
#endif

/* From Fortran. The same structs as bind(C) types, and functions such as
 *
 *     integer(c_int32_t) function evaluate(model, request, result) bind(C,
 * name="invar_plugin_evaluate") type(c_ptr), value :: model type(plugin_request), intent(in) ::
 * request type(plugin_result), intent(in) :: result
 *
 * int32_t is integer(c_int32_t), int64_t integer(c_int64_t), a pointer type(c_ptr), which
 * c_f_pointer makes an array: `call c_f_pointer(request%parameters, p, [request%num_parameters])`.
 * `communicator` is what the mpi module takes for a communicator. The sizes are c_sizeof's.
 * jobs/couple-plugin/heat.f90 is a whole one. */

/* NOLINTEND(modernize-*) */
#endif
