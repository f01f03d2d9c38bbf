#include "doctor/checks.hpp"

#include <charconv>
#include <cstring>

#include <sys/prctl.h>

#include "doctor/derivatives.hpp"
#include "doctor/hostile.hpp"
#include "doctor/leaks.hpp"
#include "doctor/points.hpp"
#include "doctor/repetition.hpp"
#include "doctor/results_json.hpp"
#include "doctor/sensitivity.hpp"
#include "doctor/transcript.hpp"
#include "invar/core/error.hpp"

namespace invar::doctor {
namespace {

using nlohmann::json;

constexpr const char* hostile_prefix = "hostile-";

// Derivatives are looked at at the prior mean, and at a draw where there is one.
constexpr Eigen::Index most_derivative_points = 2;

/// Makes the checks, one after the other.
class Examiner {
 public:
  Examiner(Subject& subject, const Patient& patient)
      : subject_(subject),
        patient_(patient),
        points_(usual_points(patient.space, patient.seed, patient.num_draws)) {}

  /// Not when the model could not be made, or is of other sizes than the study.
  [[nodiscard]] bool can_go_on() const { return can_go_on_; }

  json check(const std::string& name) {
    if (name == "repetition" || name == "repetition-short") {
      can_go_on_ = false;
      const Repetition found =
          check_repetition(subject_, points_, patient_.noise_std, name == "repetition");
      can_go_on_ = !found.outcomes.empty();
      return found;
    }
    if (name == "sensitivity") {
      return check_sensitivity(subject_, patient_.space, points_);
    }
    if (name == "derivatives") {
      return check_all_derivatives();
    }
    if (name == "leaks") {
      return check_leaks(subject_, points_, patient_.num_calls);
    }
    const auto hostile = static_cast<std::size_t>(hostile_number(name));
    return check_hostile(subject_, hostile_points(patient_.space).at(hostile), points_.col(0),
                         usual_, patient_.noise_std);
  }

 private:
  std::vector<DerivativesAt> check_all_derivatives() {
    std::vector<DerivativesAt> found;
    subject_.prepare();
    if (subject_.sizes().gives_derivatives()) {
      for (Eigen::Index i = 0; i < std::min(points_.cols(), most_derivative_points); ++i) {
        found.push_back(check_derivatives(subject_, patient_.space, points_.col(i), patient_.seed,
                                          static_cast<long>(i)));
      }
    }
    return found;
  }

  Subject& subject_;
  const Patient& patient_;
  Eigen::MatrixXd points_;
  bool can_go_on_ = true;
  Outcome usual_;  // at the prior mean, once a hostile point has needed it
};

}  // namespace

std::vector<std::string> checks_of_group(const Patient& patient, bool is_reference) {
  if (!is_reference) {
    return {"repetition-short"};
  }
  std::vector<std::string> checks = {"repetition", "sensitivity", "derivatives"};
  if (patient.num_calls > 0) {
    checks.emplace_back("leaks");
  }
  for (std::size_t i = 0; i < hostile_points(patient.space).size(); ++i) {
    checks.push_back(hostile_prefix + std::to_string(i));
  }
  return checks;
}

long hostile_number(const std::string& check) {
  long number = -1;
  if (check.starts_with(hostile_prefix)) {
    std::from_chars(check.data() + std::strlen(hostile_prefix), check.data() + check.size(),
                    number);
  }
  return number;
}

long most_runs(const Patient& patient, const std::string& check) {
  const long num_points = 1 + patient.num_draws;
  const auto num_moved =
      static_cast<long>(std::min(patient.space.dimension(), most_parameters_moved));
  if (check == "repetition") {
    return 3 * num_points;
  }
  if (check == "repetition-short") {
    return 2 * num_points;
  }
  if (check == "sensitivity") {
    return num_points + num_moved;  // more only where one has no effect
  }
  if (check == "derivatives") {
    return std::min<long>(num_points, most_derivative_points) * (1 + 2 * num_derivative_steps);
  }
  return check == "leaks" ? num_calls_to_settle + patient.num_calls : 2;
}

void examine(Subject& subject, const Patient& patient, const std::vector<std::string>& checks,
             const parallel::Comm& team, const std::filesystem::path& transcript) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // processes that the model leaves behind come here
  if (team.rank() != 0) {
    subject.serve();
    return;
  }
  const TranscriptWriter writer(transcript);
  writer.add({{"event", "ready"}, {"ranks", team.size()}});
  subject.on_begin = [&writer](const model::ModelRequest* request) {
    writer.add({{"event", "run"}, {"builds", request == nullptr}});
  };
  Examiner examiner(subject, patient);
  for (const std::string& name : checks) {
    writer.add({{"event", "begin"}, {"check", name}});
    try {
      writer.add({{"event", "end"}, {"check", name}, {"result", examiner.check(name)}});
    } catch (const Error& error) {
      writer.add({{"event", "failed"}, {"check", name}, {"message", error.what()}});
    }
    if (!examiner.can_go_on()) {
      break;
    }
  }
  subject.dismiss();
  writer.add({{"event", "done"}});
}

}  // namespace invar::doctor
