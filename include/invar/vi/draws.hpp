#pragma once

#include <cstdint>
#include <memory>

#include <Eigen/Core>

#include "invar/vi/run_vi_options.hpp"

namespace invar::vi {

/// A block of standard normals in a run of the method.
struct DrawBlock {
  std::uint32_t iteration = 0;
  std::uint32_t block = 0;  // 0 at first; then one for each time the block was extended
  Eigen::Index num_dimensions = 0;
  Eigen::Index num_samples = 0;
};

/// Where the method's standard normals come from.
///
/// The same block is the same numbers, however often and in whatever order blocks are asked for.
///
/// MPI: Local.
class DrawSource {
 public:
  DrawSource() = default;
  DrawSource(const DrawSource&) = delete;
  DrawSource& operator=(const DrawSource&) = delete;
  DrawSource(DrawSource&&) = delete;
  DrawSource& operator=(DrawSource&&) = delete;
  virtual ~DrawSource() = default;

  /// Shapes: num_dimensions x num_samples, a column per sample.
  virtual Eigen::MatrixXd draw(const DrawBlock& block) = 0;
};

/// Draws keyed on (seed, iteration, block): independent ones (mc), or the normal quantiles of
/// scrambled Sobol' points with a new scramble for every block (rqmc).
///
/// Source: run_vi of rom-tools, section 4. Deviation: a counter-based generator, and Owen's nested
///         uniform scrambling.
/// MPI:    Local.
///
/// @throws Error(config)  for rqmc in more dimensions than Sobol' points are known for
std::unique_ptr<DrawSource> make_draw_source(const RunViOptions& options, Eigen::Index dimension);

}  // namespace invar::vi
