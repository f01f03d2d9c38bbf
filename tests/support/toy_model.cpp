#include "support/toy_model.hpp"

#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace invar::test {
namespace {

/// Adds a byte to the file that INVAR_TOY_CALLS names: how many runs there were, killed ones too.
void count_call() {
  if (const char* path = std::getenv("INVAR_TOY_CALLS")) {
    std::ofstream(path, std::ios::app) << '.';
  }
}

/// Log-normal with the mean `sleep_s`, drawn anew for every point and always the same there.
double seconds_of_run(const ToyOptions& options, double x) {
  if (options.sleep_sigma == 0) {
    return options.sleep_s;
  }
  std::mt19937_64 generator(std::bit_cast<std::uint64_t>(x));
  const double sigma = options.sleep_sigma;
  return options.sleep_s *
         std::lognormal_distribution<double>(-0.5 * sigma * sigma, sigma)(generator);
}

class ToyModel final : public model::Model {
 public:
  ToyModel(const ToyOptions& options, model::ProblemSizes sizes)
      : options_(options), sizes_(std::move(sizes)) {}

  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_qois; }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    count_call();
    const Eigen::VectorXd& x = request.parameters;
    if (options_.sleep_s > 0) {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds_of_run(options_, x[0])));
    }
    while (x[0] > options_.hang_above) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    if (x[0] > options_.fail_above) {
      return {.status = Status::model_failed,
              .message = "the first parameter is too large for the toy",
              .qois = {}};
    }
    if (x[0] > options_.throw_above) {
      throw std::runtime_error("the toy is broken");
    }
    model::ModelResult result;
    result.qois.resize(sizes_.num_qois);
    for (Eigen::Index k = 0; k < sizes_.num_qois; ++k) {
      const double t = static_cast<double>(k + 1) / static_cast<double>(sizes_.num_qois);
      result.qois[k] = (-t * x.array()).exp().sum();
    }
    if (x[0] > options_.nan_above) {
      result.qois[0] = std::numeric_limits<double>::quiet_NaN();
    }
    return result;
  }

 private:
  ToyOptions options_;
  model::ProblemSizes sizes_;
};

}  // namespace

std::unique_ptr<model::Model> make_toy_model(const ToyOptions& options,
                                             const model::ProblemSizes& sizes) {
  return std::make_unique<ToyModel>(options, sizes);
}

model::ModelType toy_model() {
  using options::Range;
  using options::real;
  const auto threshold = [](const char* key, double ToyOptions::*member, const char* what) {
    return real<ToyOptions>(key, member, Range::any(), what);
  };
  static const options::Table<ToyOptions> table({
      real<ToyOptions>("sleep_s", &ToyOptions::sleep_s, Range::at_least(0),
                       "how long every run takes", "s"),
      real<ToyOptions>("sleep_sigma", &ToyOptions::sleep_sigma, Range::at_least(0),
                       "spread of its logarithm, from point to point"),
      threshold("fail_above", &ToyOptions::fail_above, "fails above it"),
      threshold("throw_above", &ToyOptions::throw_above, "throws above it"),
      threshold("nan_above", &ToyOptions::nan_above, "gives NaN above it"),
      threshold("hang_above", &ToyOptions::hang_above, "hangs above it"),
  });
  return model::make_model_type<ToyOptions>(
      "toy", "a cheap model for tests", table,
      [](const ToyOptions& options, const model::ProblemSizes& sizes, MPI_Comm /*group*/) {
        return make_toy_model(options, sizes);
      });
}

}  // namespace invar::test
