#pragma once

#include <cstdint>

#include "invar/store/derivative_tables.hpp"
#include "store/hdf5.hpp"

namespace invar::store {

// The group `derivatives` of an HDF5 file, with what was asked for:
//
//     jacobian/id [n], jacobian/values [n, m, d]
//     jacobian_vector/id [k], direction [k, d], product [k, m]
//     vector_jacobian/id [k], weight [k, m], product [k, d]

/// Rows of the tables.
struct DerivativeCounts {
  std::int64_t jacobians = 0;
  std::int64_t jacobian_vectors = 0;
  std::int64_t vector_jacobians = 0;

  DerivativeCounts& operator+=(const DerivativeCounts& more);
};

DerivativeCounts counts_of(const DerivativeTables& tables);

/// How many numbers the tables hold, about.
std::int64_t num_numbers(const DerivativeCounts& counts, std::int64_t num_parameters,
                         std::int64_t num_qois);

/// Writes rows from `first` on; makes a table, with all its rows, when there is something for it.
///
/// @param all  rows that the file will have
/// @throws Error(data)  when a derivative has another shape than those before
void write_derivatives(hid_t file, const DerivativeTables& tables, const DerivativeCounts& first,
                       const DerivativeCounts& all);

/// @throws Error(data)  when tables do not fit together
DerivativeTables read_derivatives(hid_t file);

}  // namespace invar::store
