// How a plant spreads over a field: Fisher's equation on the unit square, watched at nine places.
//
//     u_t = D (u_xx + u_yy) + r u (1 - u / K),    nothing crosses the boundary,
//     u(0) = A exp(-((x - x0)^2 + (y - y0)^2) / (2 w^2)),    w = 0.1.
//
//     mpirun -n 5 spread_model run study.yaml
#include <array>
#include <cmath>
#include <vector>

#include <petscdmda.h>
#include <petscts.h>

#include <invar/app/program.hpp>
#include <invar/model_petsc/builtin_models.hpp>
#include <invar/petsc/check.hpp>

using namespace invar;

constexpr int num_parameters = 6;  // the logarithms of D, r, K, A; x0, y0
constexpr int num_sensors = 9;     // at 1/4, 1/2 and 3/4 of either side, x fastest
constexpr int num_times = 5;       // at which they are read, the last at end_time
constexpr double end_time = 10.0;
constexpr double width = 0.1;

struct Spread {
  int n = 64;      // squares along a side, a multiple of 4
  int steps = 50;  // in time, a multiple of num_times
  double D = 0, r = 0, K = 0, A = 0, x0 = 0, y0 = 0;
  DM grid = nullptr;
  std::vector<double> readings = {};  // sensors fastest; 0 for sensors of other ranks
  bool has_converged = false;
  Eigen::MatrixXd weights = {};   // J^T w is wanted for every column w
  Eigen::MatrixXd products = {};  // and is here, as far as this rank knows it
};

// Neighbours of a node along a line of nodes 0 ... n; beyond the ends is their mirror image.
PetscInt before(PetscInt i) {
  return i > 0 ? i - 1 : 1;
}
PetscInt after(PetscInt i, PetscInt n) {
  return i < n ? i + 1 : n - 1;
}

// h^2 (u_xx + u_yy) at a node.
double curvature(const double* const* u, PetscInt j, PetscInt i, PetscInt n) {
  return u[j][before(i)] + u[j][after(i, n)] + u[before(j)][i] + u[after(j, n)][i] - 4 * u[j][i];
}

PetscErrorCode residual(TS, PetscReal, Vec U, Vec Udot, Vec F, void* context) {
  PetscFunctionBeginUser;
  const Spread& s = *static_cast<Spread*>(context);
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  Vec nearby = nullptr;
  PetscCall(DMGetLocalVector(s.grid, &nearby));
  PetscCall(DMGlobalToLocal(s.grid, U, INSERT_VALUES, nearby));
  const double* const* u = nullptr;
  const double* const* udot = nullptr;
  double** f = nullptr;
  PetscCall(DMDAVecGetArrayRead(s.grid, nearby, &u));
  PetscCall(DMDAVecGetArrayRead(s.grid, Udot, &udot));
  PetscCall(DMDAVecGetArray(s.grid, F, &f));
  const double flow = s.D * double(s.n * s.n);
  for (PetscInt j = box.ys; j < box.ys + box.ym; ++j) {
    for (PetscInt i = box.xs; i < box.xs + box.xm; ++i) {
      const double growth = s.r * u[j][i] * (1 - u[j][i] / s.K);
      f[j][i] = udot[j][i] - flow * curvature(u, j, i, s.n) - growth;
    }
  }
  PetscCall(DMDAVecRestoreArray(s.grid, F, &f));
  PetscCall(DMDAVecRestoreArrayRead(s.grid, Udot, &udot));
  PetscCall(DMDAVecRestoreArrayRead(s.grid, nearby, &u));
  PetscCall(DMRestoreLocalVector(s.grid, &nearby));
  PetscFunctionReturn(0);
}

PetscErrorCode jacobian(TS, PetscReal, Vec U, Vec, PetscReal shift, Mat, Mat J, void* context) {
  PetscFunctionBeginUser;
  const Spread& s = *static_cast<Spread*>(context);
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  const double* const* u = nullptr;
  PetscCall(DMDAVecGetArrayRead(s.grid, U, &u));
  PetscCall(MatZeroEntries(J));
  const double flow = s.D * double(s.n * s.n);
  for (PetscInt j = box.ys; j < box.ys + box.ym; ++j) {
    for (PetscInt i = box.xs; i < box.xs + box.xm; ++i) {
      const MatStencil row = {0, j, i, 0};
      const std::array<MatStencil, 5> columns = {{{0, j, i, 0},
                                                  {0, j, before(i), 0},
                                                  {0, j, after(i, s.n), 0},
                                                  {0, before(j), i, 0},
                                                  {0, after(j, s.n), i, 0}}};
      const std::array<double, 5> values = {shift + 4 * flow - s.r * (1 - 2 * u[j][i] / s.K), -flow,
                                            -flow, -flow, -flow};
      PetscCall(MatSetValuesStencil(J, 1, &row, 5, columns.data(), values.data(), ADD_VALUES));
    }
  }
  PetscCall(DMDAVecRestoreArrayRead(s.grid, U, &u));
  PetscCall(MatAssemblyBegin(J, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(J, MAT_FINAL_ASSEMBLY));
  PetscFunctionReturn(0);
}

// visit(reading, j, i) for each sensor at a node of this rank.
template <class Visit>
PetscErrorCode for_each_sensor(const Spread& s, const Visit& visit) {
  PetscFunctionBeginUser;
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  for (int sensor = 0; sensor < num_sensors; ++sensor) {
    const PetscInt i = (sensor % 3 + 1) * s.n / 4;
    const PetscInt j = (sensor / 3 + 1) * s.n / 4;
    if (i >= box.xs && i < box.xs + box.xm && j >= box.ys && j < box.ys + box.ym) {
      visit(sensor, j, i);
    }
  }
  PetscFunctionReturn(0);
}

// After every step; reads the sensors when it is time.
PetscErrorCode read_sensors(TS, PetscInt step, PetscReal, Vec U, void* context) {
  PetscFunctionBeginUser;
  Spread& s = *static_cast<Spread*>(context);
  const PetscInt steps_between = s.steps / num_times;
  if (step > 0 && step % steps_between == 0) {
    double* const now = s.readings.data() + num_sensors * (step / steps_between - 1);
    const double* const* u = nullptr;
    PetscCall(DMDAVecGetArrayRead(s.grid, U, &u));
    PetscCall(for_each_sensor(s, [&](int k, PetscInt j, PetscInt i) { now[k] = u[j][i]; }));
    PetscCall(DMDAVecRestoreArrayRead(s.grid, U, &u));
  }
  PetscFunctionReturn(0);
}

PetscErrorCode set_initial_state(const Spread& s, Vec U) {
  PetscFunctionBeginUser;
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  double** u = nullptr;
  PetscCall(DMDAVecGetArray(s.grid, U, &u));
  for (PetscInt j = box.ys; j < box.ys + box.ym; ++j) {
    for (PetscInt i = box.xs; i < box.xs + box.xm; ++i) {
      const double dx = double(i) / double(s.n) - s.x0;
      const double dy = double(j) / double(s.n) - s.y0;
      u[j][i] = s.A * std::exp(-(dx * dx + dy * dy) / (2 * width * width));
    }
  }
  PetscCall(DMDAVecRestoreArray(s.grid, U, &u));
  PetscFunctionReturn(0);
}

// Derivatives, as far as they are wanted: the rest works without this part.
//
// Of the residual with respect to the logarithms of D, r and K, a column each.
PetscErrorCode parameter_jacobian(TS, PetscReal, Vec U, Vec, PetscReal, Mat P, void* context) {
  PetscFunctionBeginUser;
  const Spread& s = *static_cast<Spread*>(context);
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  Vec nearby = nullptr;
  PetscCall(DMGetLocalVector(s.grid, &nearby));
  PetscCall(DMGlobalToLocal(s.grid, U, INSERT_VALUES, nearby));
  const double* const* u = nullptr;
  double* columns = nullptr;
  PetscInt rows = 0;
  PetscCall(DMDAVecGetArrayRead(s.grid, nearby, &u));
  PetscCall(MatDenseGetLDA(P, &rows));
  PetscCall(MatDenseGetArrayWrite(P, &columns));
  const double flow = s.D * double(s.n * s.n);
  double* p = columns;
  for (PetscInt j = box.ys; j < box.ys + box.ym; ++j) {
    for (PetscInt i = box.xs; i < box.xs + box.xm; ++i, ++p) {
      p[0] = -flow * curvature(u, j, i, s.n);
      p[rows] = -s.r * u[j][i] * (1 - u[j][i] / s.K);
      p[2 * rows] = -s.r * u[j][i] * u[j][i] / s.K;
    }
  }
  PetscCall(MatDenseRestoreArrayWrite(P, &columns));
  PetscCall(MatAssemblyBegin(P, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(P, MAT_FINAL_ASSEMBLY));
  PetscCall(DMDAVecRestoreArrayRead(s.grid, nearby, &u));
  PetscCall(DMRestoreLocalVector(s.grid, &nearby));
  PetscFunctionReturn(0);
}

// J^T w for every weight: TSAdjoint takes one adjoint state each from the last step back to the
// first. At the time of a reading its weight is added to the state, at the node of its sensor.
PetscErrorCode run_adjoint(Spread& s, TS ts, Vec u) {
  PetscFunctionBeginUser;
  const MPI_Comm group = PetscObjectComm((PetscObject)ts);
  const auto num_weights = static_cast<PetscInt>(s.weights.cols());
  int rank = 0;
  MPI_Comm_rank(group, &rank);
  DMDALocalInfo box;
  PetscCall(DMDAGetLocalInfo(s.grid, &box));
  Vec* lambda = nullptr;  // derivatives with respect to the state
  Vec* mu = nullptr;      // with respect to the logarithms of D, r and K, on rank 0
  Vec logarithms = nullptr;
  Mat P = nullptr;
  PetscCall(
      MatCreateDense(group, box.xm * box.ym, rank == 0 ? 3 : 0, PETSC_DETERMINE, 3, nullptr, &P));
  PetscCall(MatCreateVecs(P, &logarithms, nullptr));
  PetscCall(VecDuplicateVecs(logarithms, num_weights, &mu));
  PetscCall(VecDuplicateVecs(u, num_weights, &lambda));
  PetscCall(TSSetIJacobianP(ts, P, parameter_jacobian, &s));
  PetscCall(TSSetCostGradients(ts, num_weights, lambda, mu));
  SNES newton = nullptr;
  KSP linear = nullptr;
  PetscCall(TSGetSNES(ts, &newton));
  PetscCall(SNESGetKSP(newton, &linear));
  PetscCall(KSPSetTolerances(linear, 1e-11, PETSC_DEFAULT, PETSC_DEFAULT, PETSC_DEFAULT));
  double** l = nullptr;
  for (int time = num_times - 1; time >= 0 && s.has_converged; --time) {
    for (PetscInt w = 0; w < num_weights; ++w) {
      PetscCall(DMDAVecGetArray(s.grid, lambda[w], &l));
      PetscCall(for_each_sensor(s, [&](int k, PetscInt j, PetscInt i) {
        l[j][i] += s.weights(num_sensors * time + k, w);
      }));
      PetscCall(DMDAVecRestoreArray(s.grid, lambda[w], &l));
    }
    PetscCall(TSAdjointSetSteps(ts, s.steps / num_times));
    PetscCall(TSAdjointSolve(ts));
    TSConvergedReason reason = TS_CONVERGED_ITERATING;
    PetscCall(TSGetConvergedReason(ts, &reason));
    s.has_converged = reason > 0;
  }
  s.products = Eigen::MatrixXd::Zero(num_parameters, num_weights);
  for (PetscInt w = 0; w < num_weights; ++w) {
    const double* m = nullptr;
    PetscCall(VecGetArrayRead(mu[w], &m));
    for (int p = 0; p < 3 && rank == 0; ++p) {
      s.products(p, w) = m[p];
    }
    PetscCall(VecRestoreArrayRead(mu[w], &m));
    PetscCall(DMDAVecGetArray(s.grid, lambda[w], &l));
    for (PetscInt j = box.ys; j < box.ys + box.ym; ++j) {
      for (PetscInt i = box.xs; i < box.xs + box.xm; ++i) {
        const double dx = double(i) / double(s.n) - s.x0;
        const double dy = double(j) / double(s.n) - s.y0;
        const double bump = s.A * std::exp(-(dx * dx + dy * dy) / (2 * width * width));
        s.products(3, w) += l[j][i] * bump;
        s.products(4, w) += l[j][i] * bump * dx / (width * width);
        s.products(5, w) += l[j][i] * bump * dy / (width * width);
      }
    }
    PetscCall(DMDAVecRestoreArray(s.grid, lambda[w], &l));
  }
  PetscCall(VecDestroyVecs(num_weights, &lambda));
  PetscCall(VecDestroyVecs(num_weights, &mu));
  PetscCall(VecDestroy(&logarithms));
  PetscCall(MatDestroy(&P));
  PetscFunctionReturn(0);
}

// End of the derivatives.

PetscErrorCode create(Spread& s, MPI_Comm group) {
  PetscFunctionBeginUser;
  const auto wall = DM_BOUNDARY_NONE;
  PetscCall(DMDACreate2d(group, wall, wall, DMDA_STENCIL_STAR, s.n + 1, s.n + 1, PETSC_DECIDE,
                         PETSC_DECIDE, 1, 1, nullptr, nullptr, &s.grid));
  PetscCall(DMSetUp(s.grid));
  PetscFunctionReturn(0);
}

PetscErrorCode run(Spread& s, const double* parameters) {
  PetscFunctionBeginUser;
  s.D = std::exp(parameters[0]);
  s.r = std::exp(parameters[1]);
  s.K = std::exp(parameters[2]);
  s.A = std::exp(parameters[3]);
  s.x0 = parameters[4];
  s.y0 = parameters[5];
  s.readings.assign(num_sensors * num_times, 0.0);
  TS ts = nullptr;
  Vec u = nullptr;
  SNES newton = nullptr;
  PetscCall(DMCreateGlobalVector(s.grid, &u));
  PetscCall(set_initial_state(s, u));
  PetscCall(TSCreate(PetscObjectComm((PetscObject)s.grid), &ts));
  PetscCall(TSSetDM(ts, s.grid));
  PetscCall(TSSetType(ts, TSCN));
  PetscCall(TSSetIFunction(ts, nullptr, residual, &s));
  PetscCall(TSSetIJacobian(ts, nullptr, nullptr, jacobian, &s));
  PetscCall(TSMonitorSet(ts, read_sensors, &s, nullptr));
  PetscCall(TSSetTimeStep(ts, end_time / double(s.steps)));
  PetscCall(TSSetMaxSteps(ts, s.steps));
  PetscCall(TSSetErrorIfStepFails(ts, PETSC_FALSE));
  PetscCall(TSGetSNES(ts, &newton));
  PetscCall(SNESSetTolerances(newton, 1e-12, 1e-10, 1e-14, 20, PETSC_DEFAULT));
  PetscCall(TSSetFromOptions(ts));
  if (s.weights.cols() > 0) {
    TSTrajectory states = nullptr;
    PetscCall(TSSetSaveTrajectory(ts));
    PetscCall(TSGetTrajectory(ts, &states));
    PetscCall(TSTrajectorySetType(states, ts, TSTRAJECTORYMEMORY));
  }
  PetscCall(TSSolve(ts, u));
  TSConvergedReason reason = TS_CONVERGED_ITERATING;
  PetscCall(TSGetConvergedReason(ts, &reason));
  s.has_converged = reason > 0;
  if (s.has_converged && s.weights.cols() > 0) {
    PetscCall(run_adjoint(s, ts, u));
  }
  PetscCall(TSDestroy(&ts));
  PetscCall(VecDestroy(&u));
  PetscFunctionReturn(0);
}

class SpreadModel final : public model::Model {
 public:
  SpreadModel(const Spread& options, MPI_Comm group) : s_(options) {
    petsc::check(create(s_, group));
  }
  SpreadModel(const SpreadModel&) = delete;
  SpreadModel& operator=(const SpreadModel&) = delete;
  ~SpreadModel() override { DMDestroy(&s_.grid); }
  Eigen::Index num_parameters() const override { return ::num_parameters; }
  Eigen::Index num_qois() const override { return num_sensors * num_times; }
  model::Capabilities capabilities() const override { return {.vector_jacobian = true}; }
  model::ModelResult evaluate(const model::ModelRequest& request) override {
    s_.weights = request.weights;
    s_.products.resize(::num_parameters, 0);
    petsc::check(run(s_, request.parameters.data()));
    if (!s_.has_converged) {
      return {.status = Status::model_failed, .message = "a step did not converge"};
    }
    return {.qois = sum(Eigen::Map<Eigen::VectorXd>(s_.readings.data(), num_qois())),
            .vector_jacobians = sum(s_.products)};
  }

 private:
  // Of what each rank has, on rank 0.
  Eigen::MatrixXd sum(const Eigen::MatrixXd& mine) const {
    MPI_Comm group = PetscObjectComm((PetscObject)s_.grid);
    Eigen::MatrixXd all = Eigen::MatrixXd::Zero(mine.rows(), mine.cols());
    MPI_Reduce(mine.data(), all.data(), int(all.size()), MPI_DOUBLE, MPI_SUM, 0, group);
    return all;
  }

  Spread s_;
};

int main(int argc, char** argv) {
  using options::Range;
  const options::Table<Spread> keys(
      {options::integer("n", &Spread::n, Range::between(4, 10000),
                        "squares along a side, a multiple of 4"),
       options::integer("steps", &Spread::steps, Range::between(num_times, 1000000),
                        "steps in time, a multiple of 5")});
  model::ModelRegistry models;
  model_petsc::add_builtin_models(models);
  models.add(model::make_model_type<Spread>(
      "spread", "Fisher's equation on the unit square, watched at nine places", keys,
      [](const Spread& options, const model::ProblemSizes&, MPI_Comm group) {
        return std::make_unique<SpreadModel>(options, group);
      },
      [](const Spread& options, const model::ProblemSizes&) {
        std::vector<model::OptionProblem> problems;
        if (options.n % 4 != 0) {
          problems.push_back({"n", "expected a multiple of 4"});
        }
        if (options.steps % num_times != 0) {
          problems.push_back({"steps", "expected a multiple of 5"});
        }
        return problems;
      }));
  return app::run_program(argc, argv, models);
}
