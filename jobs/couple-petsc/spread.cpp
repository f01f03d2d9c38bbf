// How a plant spreads over a field: Fisher's equation on the unit square, watched at nine places.
//
//     u_t = D (u_xx + u_yy) + r u (1 - u / K),    nothing crosses the boundary,
//     u(0) = A exp(-((x - x0)^2 + (y - y0)^2) / (2 w^2)),    w = 0.1.
//
//     mpirun -n 2 spread -parameters -6.2,-0.2,0.1,-1.2,0.36,0.62 -n 64 -steps 50
#include <array>
#include <cmath>
#include <vector>

#include <petscdmda.h>
#include <petscts.h>

constexpr int num_parameters = 6;  // the logarithms of D, r, K, A; x0, y0
constexpr int num_sensors = 9;     // at 1/4, 1/2 and 3/4 of either side, x fastest
constexpr int num_times = 5;       // at which they are read, the last at end_time
constexpr double end_time = 10.0;
constexpr double width = 0.1;

struct Spread {
  PetscInt n = 64;      // squares along a side, a multiple of 4
  PetscInt steps = 50;  // in time, a multiple of num_times
  double D = 0, r = 0, K = 0, A = 0, x0 = 0, y0 = 0;
  DM grid = nullptr;
  std::vector<double> readings = {};  // sensors fastest; 0 for sensors of other ranks
  bool has_converged = false;
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

PetscErrorCode create(Spread& s) {
  PetscFunctionBeginUser;
  const auto wall = DM_BOUNDARY_NONE;
  PetscCall(DMDACreate2d(PETSC_COMM_WORLD, wall, wall, DMDA_STENCIL_STAR, s.n + 1, s.n + 1,
                         PETSC_DECIDE, PETSC_DECIDE, 1, 1, nullptr, nullptr, &s.grid));
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
  PetscCall(TSSolve(ts, u));
  TSConvergedReason reason = TS_CONVERGED_ITERATING;
  PetscCall(TSGetConvergedReason(ts, &reason));
  s.has_converged = reason > 0;
  PetscCall(TSDestroy(&ts));
  PetscCall(VecDestroy(&u));
  PetscFunctionReturn(0);
}

int main(int argc, char** argv) {
  PetscFunctionBeginUser;
  PetscCall(PetscInitialize(&argc, &argv, nullptr, nullptr));
  Spread s;
  std::array<double, num_parameters> parameters = {};
  PetscInt count = num_parameters;
  PetscCall(PetscOptionsGetRealArray(nullptr, nullptr, "-parameters", parameters.data(), &count,
                                     nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-n", &s.n, nullptr));
  PetscCall(PetscOptionsGetInt(nullptr, nullptr, "-steps", &s.steps, nullptr));
  PetscCall(create(s));
  PetscCall(run(s, parameters.data()));
  PetscCheck(s.has_converged, PETSC_COMM_WORLD, PETSC_ERR_NOT_CONVERGED, "A step failed");
  std::vector<double> all(s.readings.size());
  MPI_Reduce(s.readings.data(), all.data(), int(all.size()), MPI_DOUBLE, MPI_SUM, 0,
             PETSC_COMM_WORLD);
  for (const double reading : all) {
    PetscCall(PetscPrintf(PETSC_COMM_WORLD, "%.17g\n", reading));
  }
  PetscCall(DMDestroy(&s.grid));
  PetscCall(PetscFinalize());
  return 0;
}
