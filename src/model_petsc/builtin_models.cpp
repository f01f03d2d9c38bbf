#include "invar/model_petsc/builtin_models.hpp"

#include "invar/model_petsc/linear.hpp"
#include "invar/model_petsc/lotka_volterra.hpp"
#include "invar/model_petsc/poisson.hpp"

namespace invar::model_petsc {

void add_builtin_models(model::ModelRegistry& registry) {
  registry.add(model::make_model_type<LinearOptions>(
      "linear", "q = matrix * parameters + offset", linear_table(),
      [](const LinearOptions& options, const model::ProblemSizes&, MPI_Comm group) {
        return make_linear_model(options, group);
      },
      linear_problems));
  registry.add(model::make_model_type<LotkaVolterraOptions>(
      "lotka_volterra",
      "predator and prey; parameters log(alpha, beta, gamma, delta, u0, v0), QoIs log u, log v at "
      "each time",
      lotka_volterra_table(),
      [](LotkaVolterraOptions options, const model::ProblemSizes& sizes, MPI_Comm group) {
        if (options.times.size() == 0 && sizes.num_qois > 0) {
          const Eigen::Index num_times = sizes.num_qois / 2;
          options.times =
              Eigen::VectorXd::LinSpaced(num_times, 0.0, static_cast<double>(num_times - 1));
        }
        return make_lotka_volterra_model(options, group);
      },
      lotka_volterra_problems));
  registry.add(model::make_model_type<PoissonOptions>(
      "poisson",
      "-div(a grad u) = source on the unit square, u = 0 on its boundary; parameters log a on "
      "k x k blocks, QoIs u at points",
      poisson_table(),
      [](const PoissonOptions& options, const model::ProblemSizes&, MPI_Comm group) {
        return make_poisson_model(options, group);
      },
      poisson_problems));
}

}  // namespace invar::model_petsc
