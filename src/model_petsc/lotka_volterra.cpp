#include "invar/model_petsc/lotka_volterra.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "invar/petsc/check.hpp"
#include "invar/petsc/handle.hpp"
#include "model_petsc/option_problems.hpp"

namespace invar::model_petsc {
namespace {

using petsc::check;

constexpr Eigen::Index num_unknowns = 2;
constexpr Eigen::Index num_parameters_expected = 6;

struct Rates {
  double alpha, beta, gamma, delta;

  [[nodiscard]] bool are_finite() const {
    return std::isfinite(alpha) && std::isfinite(beta) && std::isfinite(gamma) &&
           std::isfinite(delta);
  }
};

}  // namespace

extern "C" {

/// dp/dt = alpha - beta e^q, dq/dt = -gamma + delta e^p.
static PetscErrorCode invar_lotka_volterra_rhs(TS, PetscReal, Vec state, Vec derivative,
                                               void* context) {
  const auto& rates = *static_cast<const Rates*>(context);
  const double* pq = nullptr;
  double* out = nullptr;
  PetscCall(VecGetArrayRead(state, &pq));
  PetscCall(VecGetArrayWrite(derivative, &out));
  out[0] = rates.alpha - rates.beta * std::exp(pq[1]);
  out[1] = -rates.gamma + rates.delta * std::exp(pq[0]);
  PetscCall(VecRestoreArrayWrite(derivative, &out));
  PetscCall(VecRestoreArrayRead(state, &pq));
  return 0;
}

/// A stage whose derivative would overflow is refused; the step is then tried shorter.
static PetscErrorCode invar_lotka_volterra_domain(TS ts, PetscReal, Vec state,
                                                  PetscBool* is_accepted) {
  void* context = nullptr;
  PetscCall(TSGetApplicationContext(ts, &context));
  const auto& rates = *static_cast<const Rates*>(context);
  const double* pq = nullptr;
  PetscCall(VecGetArrayRead(state, &pq));
  const bool is_finite =
      std::isfinite(rates.beta * std::exp(pq[1])) && std::isfinite(rates.delta * std::exp(pq[0]));
  PetscCall(VecRestoreArrayRead(state, &pq));
  *is_accepted = is_finite ? PETSC_TRUE : PETSC_FALSE;
  return 0;
}

}  // extern "C"

namespace {

class LotkaVolterraModel final : public model::Model {
 public:
  explicit LotkaVolterraModel(LotkaVolterraOptions options) : options_(std::move(options)) {
    check(VecCreateSeq(PETSC_COMM_SELF, static_cast<PetscInt>(num_unknowns), state_.put()));
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return num_parameters_expected; }
  [[nodiscard]] Eigen::Index num_qois() const override {
    return num_unknowns * options_.times.size();
  }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    const Eigen::VectorXd& parameters = request.parameters;
    INVAR_EXPECTS(parameters.size() == num_parameters_expected);
    Rates rates{std::exp(parameters[0]), std::exp(parameters[1]), std::exp(parameters[2]),
                std::exp(parameters[3])};
    if (!parameters.allFinite() || !rates.are_finite()) {
      return failed("a rate is not a finite number");
    }
    // A new integrator each time: nothing of the last run, such as its step size, can linger.
    petsc::TsOwner ts;
    prepare(ts, rates);
    set_state(parameters.tail<num_unknowns>());

    model::ModelResult result;
    result.qois.resize(num_qois());
    for (Eigen::Index i = 0; i < options_.times.size(); ++i) {
      const double time = options_.times[i];
      if (time > 0.0) {
        check(TSSetMaxTime(ts.get(), time));
        check(TSSolve(ts.get(), state_.get()));
        TSConvergedReason reason = TS_CONVERGED_ITERATING;
        check(TSGetConvergedReason(ts.get(), &reason));
        if (reason != TS_CONVERGED_TIME) {
          double reached = 0.0;
          check(TSGetTime(ts.get(), &reached));
          return failed(
              fmt::format("the integration stopped at t = {:.6g} of {:.6g}: {}", reached, time,
                          reason == TS_CONVERGED_ITS
                              ? fmt::format("max_steps = {} is not enough", options_.max_steps)
                              : std::string(TSConvergedReasons[reason])));
        }
      }
      result.qois.segment<num_unknowns>(num_unknowns * i) = state();
    }
    return result;
  }

 private:
  static model::ModelResult failed(const std::string& message) {
    return {.status = Status::model_failed, .message = message, .qois = {}};
  }

  void prepare(petsc::TsOwner& ts, Rates& rates) const {
    check(TSCreate(PETSC_COMM_SELF, ts.put()));
    check(TSSetProblemType(ts.get(), TS_NONLINEAR));
    check(TSSetType(ts.get(), TSRK));
    check(TSRKSetType(ts.get(), TSRK8VR));
    check(TSSetApplicationContext(ts.get(), &rates));
    check(TSSetRHSFunction(ts.get(), nullptr, invar_lotka_volterra_rhs, &rates));
    check(TSSetFunctionDomainError(ts.get(), invar_lotka_volterra_domain));
    check(TSSetTolerances(ts.get(), options_.tolerance, nullptr, 0.0, nullptr));
    check(TSSetExactFinalTime(ts.get(), TS_EXACTFINALTIME_MATCHSTEP));
    check(TSSetErrorIfStepFails(ts.get(), PETSC_FALSE));
    check(TSSetMaxSteps(ts.get(), static_cast<PetscInt>(options_.max_steps)));
    check(TSSetTime(ts.get(), 0.0));
    check(TSSetTimeStep(ts.get(), 1e-3));
  }

  void set_state(const Eigen::Vector2d& value) {
    double* values = nullptr;
    check(VecGetArrayWrite(state_.get(), &values));
    Eigen::Map<Eigen::Vector2d>{values} = value;
    check(VecRestoreArrayWrite(state_.get(), &values));
  }

  [[nodiscard]] Eigen::Vector2d state() const {
    const double* values = nullptr;
    check(VecGetArrayRead(state_.get(), &values));
    Eigen::Vector2d copy = Eigen::Map<const Eigen::Vector2d>(values);
    check(VecRestoreArrayRead(state_.get(), &values));
    return copy;
  }

  LotkaVolterraOptions options_;
  petsc::VecOwner state_;
};

options::Row<LotkaVolterraOptions> times_row() {
  options::Row<LotkaVolterraOptions> row;
  row.key = "times";
  row.type = "numbers or file";
  row.help = "when log u and log v are observed; the state is given at 0";
  row.allowed = "increasing, >= 0";
  row.read = [](const options::Cursor& at, LotkaVolterraOptions& target) {
    auto array = options::read_array(at);
    if (!array) {
      return options::Node{};
    }
    auto times = options::as_vector(at, *array, -1);
    if (!times) {
      return options::Node{};
    }
    target.times = std::move(*times);
    return std::move(array->resolved);
  };
  row.default_text = [](const LotkaVolterraOptions&) {
    return std::string("0, 1, 2, ... one per pair of observations");
  };
  return row;
}

}  // namespace

const options::Table<LotkaVolterraOptions>& lotka_volterra_table() {
  using options::Range;
  static const options::Table<LotkaVolterraOptions> table({
      times_row(),
      options::real("tolerance", &LotkaVolterraOptions::tolerance, Range::between(1e-14, 1e-2),
                    "error that one step may make in log u and log v"),
      options::integer("max_steps", &LotkaVolterraOptions::max_steps, Range::between(1, 1e9),
                       "an integration that takes more steps has failed"),
  });
  return table;
}

std::vector<model::OptionProblem> lotka_volterra_problems(const LotkaVolterraOptions& options,
                                                          const model::ProblemSizes& sizes) {
  std::vector<model::OptionProblem> problems;
  if (sizes.num_parameters > 0 && sizes.num_parameters != num_parameters_expected) {
    problems.push_back(
        {"type", fmt::format("lotka_volterra has 6 parameters, log(alpha, beta, gamma, delta, u0, "
                             "v0); the study has {}",
                             sizes.num_parameters)});
  }
  if (!(options.tolerance > 0.0)) {
    problems.push_back({"tolerance", fmt::format("expected > 0, found {}", options.tolerance)});
  }
  const Eigen::Index num_times = options.times.size();
  for (Eigen::Index i = 0; i < num_times; ++i) {
    const double previous = i == 0 ? 0.0 : options.times[i - 1];
    const bool is_after = i == 0 ? options.times[i] >= previous : options.times[i] > previous;
    if (!is_after || !std::isfinite(options.times[i])) {
      problems.push_back({"times", fmt::format("expected increasing times from 0 on, found {} "
                                               "after {}",
                                               options.times[i], previous)});
      break;
    }
  }
  if (num_times == 0 && sizes.num_qois % num_unknowns != 0) {
    problems.push_back({"times", fmt::format("log u and log v at each time make an even number of "
                                             "QoIs; the study has {} observations",
                                             sizes.num_qois)});
  } else if (num_times > 0 && sizes.num_qois > 0 && sizes.num_qois != num_unknowns * num_times) {
    problems.push_back({"times", fmt::format("{} times make {} QoIs; the study has {} observations",
                                             num_times, num_unknowns * num_times, sizes.num_qois)});
  }
  return problems;
}

std::unique_ptr<model::Model> make_lotka_volterra_model(const LotkaVolterraOptions& options,
                                                        MPI_Comm) {
  std::vector<model::OptionProblem> problems = lotka_volterra_problems(options, {});
  if (options.times.size() == 0) {
    problems.push_back({"times", "expected at least one time, found none"});
  }
  require_none(problems);
  return std::make_unique<LotkaVolterraModel>(options);
}

}  // namespace invar::model_petsc
