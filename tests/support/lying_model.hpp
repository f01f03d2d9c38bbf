#pragma once

#include <memory>
#include <string>

#include "invar/model/model.hpp"

namespace invar::test {

/// The keys of `model: {type: lying}`.
struct LyingOptions {
  /// What it does wrong, separated by blanks:
  ///
  /// random         no two runs give the same bits; `random_much`: by a tenth
  /// instance       a new instance gives other bits
  /// group_size     the QoIs depend on the number of ranks; `group_size_little`: by 1e-8
  /// jacobian       the Jacobian is off by 1 % for the second parameter
  /// forward        J v is off by 1 %
  /// adjoint        w^T J is off by 1 %
  /// shape          the Jacobian has a row too many
  /// no_derivatives it gives none
  /// memory         1 MB is kept per run; and likewise descriptors, communicators, threads,
  /// children crash_on_nan   a NaN is a segmentation fault hang_far       parameters far off never
  /// come back swallow_nan    a NaN counts as 0 spoilt_by_nan  after a NaN all answers are others
  /// throw_on_nan   a NaN is an exception
  /// crash          every run but the first is a segmentation fault
  /// fail           runs with a first parameter above its prior mean, 0, fail
  /// dead_parameter nothing depends on the last parameter
  /// dead_qoi       the first QoI is always 1
  std::string lies;
};

/// q_k = sum_j (j + 1) exp(-x_j t_k) with t_k = (k + 1) / m and all its derivatives, but for the
/// lies.
model::ModelType lying_model();

std::unique_ptr<model::Model> make_lying_model(const LyingOptions& options,
                                               const model::ProblemSizes& sizes, MPI_Comm group);

}  // namespace invar::test
