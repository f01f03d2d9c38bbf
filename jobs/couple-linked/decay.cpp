// Exponential decay, q(t) = amplitude exp(-rate t), linked into a program of its own.
#include <cmath>

#include <invar/app/program.hpp>
#include <invar/model_petsc/builtin_models.hpp>

using namespace invar;

struct DecayOptions {
  double interval = 1.0;  // between two of the times
};

// PETSc is initialised on `group`: a parallel solver works there.
class Decay final : public model::Model {
 public:
  Decay(const DecayOptions& options, const model::ProblemSizes& sizes, MPI_Comm /*group*/)
      : options_(options), num_times_(sizes.num_qois) {}
  Eigen::Index num_parameters() const override { return 2; }
  Eigen::Index num_qois() const override { return num_times_; }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    model::ModelResult result;
    result.qois.resize(num_times_);
    for (Eigen::Index i = 0; i < num_times_; ++i) {
      const double time = options_.interval * static_cast<double>(i);
      result.qois[i] = request.parameters[0] * std::exp(-request.parameters[1] * time);
    }
    return result;
  }

 private:
  DecayOptions options_;
  Eigen::Index num_times_;
};

int main(int argc, char** argv) {
  const options::Table<DecayOptions> keys(
      {options::real("interval", &DecayOptions::interval, options::Range::above(0.0),
                     "between two of the times", "s")});
  model::ModelRegistry models;
  model_petsc::add_builtin_models(models);
  models.add(model::make_model_type<DecayOptions>(
      "decay", "q(t) = amplitude exp(-rate t)", keys,
      [](const DecayOptions& options, const model::ProblemSizes& sizes, MPI_Comm group) {
        return std::make_unique<Decay>(options, sizes, group);
      }));
  return app::run_program(argc, argv, models);
}
