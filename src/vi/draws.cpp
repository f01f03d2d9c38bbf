#include "invar/vi/draws.hpp"

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "invar/core/random.hpp"
#include "invar/core/sobol.hpp"

namespace invar::vi {
namespace {

class KeyedDraws : public DrawSource {
 public:
  KeyedDraws(std::uint64_t seed, SamplingMethod method) : seed_(seed), method_(method) {}

  Eigen::MatrixXd draw(const DrawBlock& block) override {
    core::StreamKey key{.seed = seed_, .iteration = block.iteration, .block = block.block};
    if (method_ == SamplingMethod::mc) {
      return core::standard_normals(key, block.num_dimensions, block.num_samples);
    }
    key.purpose = core::Purpose::scramble;
    Eigen::MatrixXd points = core::scrambled_sobol(key, block.num_dimensions, block.num_samples);
    core::normal_quantile_in_place(points);
    return points;
  }

 private:
  std::uint64_t seed_;
  SamplingMethod method_;
};

}  // namespace

std::unique_ptr<DrawSource> make_draw_source(const RunViOptions& options, Eigen::Index dimension) {
  if (options.sampling_method == SamplingMethod::rqmc && dimension > core::max_sobol_dimension) {
    throw Error(ErrorKind::config,
                fmt::format("sampling_method: rqmc knows Sobol' points for up to {} parameters, "
                            "found {}; use mc",
                            core::max_sobol_dimension, dimension));
  }
  return std::make_unique<KeyedDraws>(options.random_seed, options.sampling_method);
}

}  // namespace invar::vi
