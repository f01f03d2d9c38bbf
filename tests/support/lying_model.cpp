#include "support/lying_model.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace invar::test {
namespace {

[[noreturn]] void hang() {
  while (true) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

int num_instances = 0;

class LyingModel final : public model::Model {
 public:
  LyingModel(const LyingOptions& options, const model::ProblemSizes& sizes, MPI_Comm group)
      : sizes_(sizes), group_(group), instance_(num_instances++) {
    std::istringstream words(options.lies);
    for (std::string word; words >> word;) {
      lies_.insert(word);
    }
  }

  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_qois; }
  [[nodiscard]] model::Capabilities capabilities() const override {
    const bool gives = !has("no_derivatives");
    return {.jacobian = gives, .jacobian_vector = gives, .vector_jacobian = gives};
  }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    ++num_runs_;
    keep_things();
    Eigen::VectorXd x = request.parameters;
    if (x.hasNaN()) {
      meet_nan(x);
    }
    if (has("crash") && num_runs_ > 1) {
      std::raise(SIGSEGV);
    }
    if (has("hang_far") && x.allFinite() && x.lpNorm<Eigen::Infinity>() > 100) {
      hang();
    }
    if (has("fail") && x[0] > 0) {
      return {.status = Status::model_failed, .message = "the first parameter is too large"};
    }
    return answer(request, x);
  }

 private:
  [[nodiscard]] bool has(const char* lie) const { return lies_.count(lie) != 0; }

  /// t_k, k = 0 ... m-1.
  [[nodiscard]] Eigen::VectorXd times() const {
    const Eigen::Index m = sizes_.num_qois;
    return Eigen::VectorXd::LinSpaced(m, 1.0, static_cast<double>(m)) / static_cast<double>(m);
  }

  [[nodiscard]] Eigen::VectorXd weights() const {
    const Eigen::Index d = sizes_.num_parameters;
    Eigen::VectorXd weights = Eigen::VectorXd::LinSpaced(d, 1.0, static_cast<double>(d));
    if (has("dead_parameter")) {
      weights[d - 1] = 0.0;
    }
    return weights;
  }

  model::ModelResult answer(const model::ModelRequest& request, const Eigen::VectorXd& x) {
    const Eigen::MatrixXd decay = (-times() * x.transpose()).array().exp();
    Eigen::MatrixXd jacobian = -(times() * weights().transpose()).cwiseProduct(decay);
    model::ModelResult result;
    result.qois = decay * weights();
    int num_ranks = 1;
    MPI_Comm_size(group_, &num_ranks);
    result.qois[1] *=
        1.0 + 1e-14 * (has("random") ? num_runs_ : 0) + 0.1 * (has("random_much") ? num_runs_ : 0) +
        1e-12 * (has("instance") ? instance_ : 0) + 0.01 * (has("group_size") ? num_ranks : 0) +
        1e-8 * (has("group_size_little") ? num_ranks : 0) + (is_spoilt_ ? 1e-3 : 0.0);
    if (has("dead_qoi")) {
      result.qois[0] = 1.0;
      jacobian.row(0).setZero();
    }
    if (request.directions.size() > 0) {
      result.jacobian_vectors = jacobian * request.directions * (has("forward") ? 1.01 : 1.0);
    }
    if (request.weights.size() > 0) {
      result.vector_jacobians =
          jacobian.transpose() * request.weights * (has("adjoint") ? 1.01 : 1.0);
    }
    if (request.wants_jacobian) {
      jacobian.col(1) *= has("jacobian") ? 1.01 : 1.0;
      result.jacobian = jacobian;
      if (has("shape")) {
        result.jacobian.conservativeResize(jacobian.rows() + 1, Eigen::NoChange);
      }
    }
    return result;
  }

  void meet_nan(Eigen::VectorXd& x) {
    if (has("crash_on_nan")) {
      std::raise(SIGSEGV);
    }
    if (has("throw_on_nan")) {
      throw std::runtime_error("a parameter is no number");
    }
    is_spoilt_ = has("spoilt_by_nan");
    if (has("swallow_nan")) {
      x = x.array().isNaN().select(0.0, x);
    }
  }

  void keep_things() {
    if (has("memory")) {
      constexpr std::size_t megabyte = 1'000'000;
      auto* const kept = new char[megabyte];
      std::memset(kept, 1, megabyte);
      static std::vector<char*> all;  // reachable, so that sanitizers do not mind
      all.push_back(kept);
    }
    if (has("descriptors")) {
      [[maybe_unused]] const int kept = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (has("communicators")) {
      MPI_Comm kept = MPI_COMM_NULL;
      MPI_Comm_dup(group_, &kept);
    }
    if (has("threads")) {
      std::thread(hang).detach();
    }
    if (has("children") && ::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      hang();
    }
  }

  model::ProblemSizes sizes_;
  MPI_Comm group_;
  int instance_;
  std::set<std::string> lies_;
  int num_runs_ = 0;
  bool is_spoilt_ = false;
};

}  // namespace

std::unique_ptr<model::Model> make_lying_model(const LyingOptions& options,
                                               const model::ProblemSizes& sizes, MPI_Comm group) {
  return std::make_unique<LyingModel>(options, sizes, group);
}

model::ModelType lying_model() {
  static const options::Table<LyingOptions> table(
      {options::text("lies", &LyingOptions::lies, "what it does wrong")});
  return model::make_model_type<LyingOptions>("lying", "a model that is wrong on purpose", table,
                                              make_lying_model);
}

}  // namespace invar::test
