#include "store/support/campaign.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <fcntl.h>

#include "store/files.hpp"

namespace invar::store::testing {
namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (fs::temp_directory_path() / "invar-store-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    std::abort();
  }
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ChainMethod::ChainMethod(Eigen::Index num_parameters, Eigen::Index batch_size,
                         std::int64_t num_rounds, bool wants_derivatives)
    : num_parameters_(num_parameters),
      batch_size_(batch_size),
      num_rounds_(num_rounds),
      wants_derivatives_(wants_derivatives) {}

method::Batch ChainMethod::ask() {
  method::Batch batch{.round = round_,
                      .first_id = round_ * batch_size_,
                      .points = Eigen::MatrixXd(num_parameters_, batch_size_)};
  for (Eigen::Index i = 0; i < batch.points.size(); ++i) {
    batch.points(i) = std::sin(sum_ + 0.37 * static_cast<double>(i));
  }
  for (Eigen::Index sample = 0; wants_derivatives_ && sample < batch_size_; ++sample) {
    batch.wanted.push_back(wanted_of(round_, sample));
  }
  return batch;
}

void ChainMethod::tell(const method::BatchResult& result) {
  for (const method::Evaluation& evaluation : result.evaluations) {
    sum_ = 0.5 * sum_ + (evaluation.status == method::Status::ok ? evaluation.qois.sum() : 0.125);
    const method::Derivatives& derivatives = evaluation.derivatives;
    sum_ += 1e-3 * (derivatives.jacobian.sum() - derivatives.jacobian_vectors.sum() +
                    derivatives.vector_jacobians.sum());
  }
  ++round_;
}

method::RoundDiagnostics ChainMethod::diagnostics() const {
  return {.scalars = {{"iteration", static_cast<double>(round_)},
                      {"elbo", -sum_ + bias},
                      {"step_size", std::numeric_limits<double>::quiet_NaN()}},
          .mean = Eigen::VectorXd::Constant(num_parameters_, sum_),
          .std = Eigen::VectorXd::Constant(num_parameters_, std::exp(-sum_)),
          .proposal_mean = Eigen::VectorXd::Constant(num_parameters_, 2 * sum_),
          .proposal_std = Eigen::VectorXd::Constant(num_parameters_, 0.5),
          .messages = {"first", "second"}};
}

method::StopReason ChainMethod::stop_reason() const {
  return round_ < num_rounds_ ? method::StopReason::none : method::StopReason::max_iterations;
}

std::optional<method::Posterior> ChainMethod::posterior() const {
  const method::RoundDiagnostics now = diagnostics();
  return method::Posterior{
      .mean = now.mean,
      .std = now.std,
      .covariance = now.std.array().square().matrix().asDiagonal().toDenseMatrix(),
      .elbo = -sum_,
      .elbo_standard_error = 0.5,
      .samples = Eigen::MatrixXd::Constant(num_parameters_, batch_size_, sum_),
      .qois = Eigen::MatrixXd::Constant(small_m, batch_size_, 2 * sum_),
      .optimizer = state()};
}

method::State ChainMethod::state() const {
  method::State state;
  state.set("round", round_);
  state.set("sum", sum_);
  state.set("family", std::string("chain"));
  state.set("mean", Eigen::VectorXd(diagnostics().mean));
  state.set("factor", Eigen::MatrixXd(Eigen::MatrixXd::Identity(2, 3) * sum_));
  return state;
}

void ChainMethod::restore(const method::State& state) {
  round_ = state.get<std::int64_t>("round");
  sum_ = state.get<double>("sum");
}

bool ChainMethod::has_target_of(const method::State& /*state*/) const {
  return true;
}

void ChainMethod::rescore(const method::State& state, std::int64_t /*num_given_up*/) {
  restore(state);
  ++round_;
}

method::WantedDerivatives wanted_of(std::int64_t round, Eigen::Index sample) {
  method::WantedDerivatives wanted;
  const auto number = static_cast<double>(round * small_n + sample);
  if (round % 3 == 1) {
    wanted.jacobian = sample % 2 == 0;
  } else if (round % 3 == 2) {
    wanted.directions = Eigen::MatrixXd::Constant(small_d, sample % 3, number);
    wanted.weights = Eigen::MatrixXd::Constant(small_m, sample % 2, -number);
  }
  return wanted;
}

method::Evaluation run_model(const Eigen::VectorXd& point, Eigen::Index num_qois,
                             const method::WantedDerivatives& wanted) {
  method::Evaluation evaluation;
  evaluation.wall_seconds = 0.001;
  evaluation.group = 1;
  evaluation.host = "node01";
  if (std::fmod(std::abs(point(0)) * 1000.0, 1.0) < 0.15) {
    evaluation.status = method::Status::model_failed;
    evaluation.message = "no convergence after 50 steps";
    evaluation.attempts = 2;
  } else {
    evaluation.qois = Eigen::VectorXd::LinSpaced(num_qois, point.sum(), 1.0 / 3.0);
    const Eigen::MatrixXd jacobian = evaluation.qois * point.transpose();
    if (wanted.jacobian) {
      evaluation.derivatives.jacobian = jacobian;
    }
    if (wanted.directions.cols() > 0) {
      evaluation.derivatives.jacobian_vectors = jacobian * wanted.directions;
    }
    if (wanted.weights.cols() > 0) {
      evaluation.derivatives.vector_jacobians = jacobian.transpose() * wanted.weights;
    }
  }
  return evaluation;
}

bool is_run_ahead(Eigen::Index sample) {
  return sample == 1 || sample == 4;
}

namespace {

/// Records what the next round asks: good runs, failed ones, and one for which nobody asks.
void run_ahead(CampaignStore& store, const ChainMethod& method, const method::BatchResult& result,
               Eigen::Index num_qois) {
  ChainMethod oracle = make_small_method();
  oracle.restore(method.state());
  oracle.tell(result);
  if (oracle.stop_reason() != method::StopReason::none) {
    return;
  }
  method::Batch next = oracle.ask();
  next.points.conservativeResize(Eigen::NoChange, next.points.cols() + 1);
  next.points.rightCols(1).setConstant(0.5);
  next.wanted.emplace_back();
  for (const Eigen::Index sample : store.samples_to_run_ahead(next)) {
    const bool is_for_nothing = sample + 1 == next.points.cols();
    method::Question question = next.question(sample);
    if (is_for_nothing) {
      question.point(0) += static_cast<double>(next.round);
    } else if (!is_run_ahead(sample)) {
      continue;
    }
    method::Evaluation evaluation = run_model(question.point, num_qois, question.wanted);
    evaluation.ran_ahead = true;
    evaluation.attempts = 1;
    store.record_ahead(question, evaluation);
  }
}

}  // namespace

std::int64_t run_campaign(CampaignStore& store, ChainMethod& method, Eigen::Index num_qois,
                          Until until) {
  std::int64_t num_runs = 0;
  if (store.restart_point()) {
    method.restore(store.restart_point()->state);
  }
  while (method.stop_reason() == method::StopReason::none) {
    const method::Batch batch = method.ask();
    method::BatchResult result;
    result.evaluations.resize(static_cast<std::size_t>(batch.points.cols()));
    auto known = store.begin_batch(batch);
    // Backwards: the order of arrival does not matter.
    for (Eigen::Index sample = batch.points.cols() - 1; sample >= 0; --sample) {
      const auto i = static_cast<std::size_t>(sample);
      if (!known[i]) {
        if (until.runs == num_runs) {
          if (until.closes) {
            store.close_segment(method);
          }
          return num_runs;
        }
        known[i] = run_model(batch.points.col(sample), num_qois, batch.wanted_of(sample));
        store.record(batch, sample, *known[i]);
        ++num_runs;
      }
      result.evaluations[i] = *known[i];
    }
    if (until.runs_ahead) {
      run_ahead(store, method, result, num_qois);
    }
    method.tell(result);
    store.commit(batch.round, method.diagnostics(), 0.125, method);
  }
  if (until.closes) {
    store.close_segment(method);
  }
  return num_runs;
}

StoreOptions closing_every_round() {
  StoreOptions options;
  options.segment_seconds = 0.0;
  options.lock_timeout_s = 0.0;
  return options;
}

StoreOptions never_closing() {
  StoreOptions options;
  options.segment_seconds = 1e9;
  options.segment_megabytes = 1e9;
  options.lock_timeout_s = 0.0;
  return options;
}

View make_view(const ChainMethod& method, Eigen::Index num_parameters, Eigen::Index num_qois) {
  std::vector<std::string> names;
  for (Eigen::Index i = 0; i < num_parameters; ++i) {
    names.push_back(std::string(1, 'p').append(std::to_string(i)));
  }
  return {.attributes = {{"invar_version", std::string("0.1.0")},
                         {"seed", std::int64_t{1}},
                         {"study", std::string("invar: 1\n")}},
          .space = {.names = names,
                    .units = std::vector<std::string>(names.size(), "m"),
                    .prior = space::Prior::diagonal(Eigen::VectorXd::Zero(num_parameters),
                                                    Eigen::VectorXd::Ones(num_parameters)),
                    .bounds = space::Bounds::none(num_parameters)},
          .observations = {.values = Eigen::VectorXd::Ones(num_qois),
                           .noise = space::Noise::independent(Eigen::VectorXd::Ones(num_qois))},
          .qoi_unit = "K",
          .posterior = method.posterior(),
          .scorer = [](const Eigen::MatrixXd& points, const Eigen::MatrixXd& qois) {
            return Scores{.log_likelihood = qois.colwise().sum().transpose(),
                          .log_prior = points.colwise().sum().transpose()};
          }};
}

View make_talkative_view() {
  View view = make_view(make_small_method(), small_d, small_m);
  method::Posterior& posterior = *view.posterior;
  posterior.weights = Eigen::VectorXd::LinSpaced(small_n, 1.0, small_n);
  posterior.draws = Eigen::MatrixXd::Constant(small_d, 5, 0.25);
  posterior.draws(1, 0) = -3.0;
  posterior.diagnostics.set("k_hat", 0.4);
  posterior.diagnostics.set("rounds", std::int64_t{7});
  posterior.diagnostics.set("verdict", std::string("good"));
  posterior.diagnostics.set("r_squared", Eigen::VectorXd(Eigen::VectorXd::LinSpaced(3, 0.0, 1.0)));
  posterior.diagnostics.set("hessian", Eigen::MatrixXd(Eigen::MatrixXd::Identity(2, 3)));
  posterior.findings = {"All is well.", "",
                        "p1 is hardly informed: its std is 0.98 of the prior's."};
  return view;
}

ChainMethod make_small_method() {
  return {small_d, small_n, small_rounds, true};
}

void run_small(const fs::path& directory, const StoreOptions& options, Until until) {
  create_campaign(directory, {.study_text = "invar: 1\n", .data_files = {}});
  CampaignStore store(directory, options);
  ChainMethod method = make_small_method();
  run_campaign(store, method, small_m, until);
}

std::int64_t finish_small(const fs::path& directory, const StoreOptions& options,
                          std::vector<std::string>* notes) {
  CampaignStore store(directory, options);
  if (notes != nullptr) {
    *notes = store.recovery_notes();
  }
  ChainMethod method = make_small_method();
  const std::int64_t num_runs = run_campaign(store, method, small_m);
  store.write_view(make_view(method, small_d, small_m));
  return num_runs;
}

fs::path make_reference(const TemporaryDirectory& directory) {
  const fs::path campaign = directory / "reference";
  run_small(campaign, never_closing());
  finish_small(campaign);
  return campaign / "campaign.h5";
}

void overwrite(const fs::path& path, const std::string& bytes) {
  File(path, O_WRONLY | O_CREAT | O_TRUNC).write(bytes);
}

std::string bytes_of(const fs::path& path) {
  return read_file(path);
}

void flip_byte(const fs::path& path, std::size_t offset) {
  const File file(path, O_RDWR);
  std::string byte = file.read_at(offset, 1);
  byte.at(0) = static_cast<char>(byte.at(0) ^ 0x10);
  file.write_at(offset, byte);
}

}  // namespace invar::store::testing
