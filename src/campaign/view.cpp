#include "campaign/view.hpp"

#include <array>
#include <ctime>

#include <unistd.h>

#include "invar/core/version.hpp"

namespace invar::campaign {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string utc_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> text{};
  ::gmtime_r(&now, &parts);
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace

store::View make_view(const ViewSources& sources) {
  const Study& study = sources.study;
  const space::Likelihood likelihood(study.observations, study.covariance_regularization());
  return {
      .attributes = {{"title", study.title},
                     {"invar_version", std::string(core::version())},
                     {"commit", std::string(core::commit())},
                     {"created", utc_time()},
                     {"host", host_name()},
                     {"ranks", std::int64_t{sources.num_ranks}},
                     {"seed", static_cast<std::int64_t>(study.random_seed())},
                     {"stop_reason", std::string(method::stop_reason_name(sources.stop_reason))},
                     {"study", sources.study_text}},
      .space = study.space,
      .observations = study.observations,
      .qoi_unit = "",
      .posterior = sources.method.posterior(),
      .scorer =
          [likelihood, prior = study.space.prior](const Eigen::MatrixXd& points,
                                                  const Eigen::MatrixXd& qois) {
            return store::Scores{.log_likelihood = likelihood.log_likelihood(qois).array() +
                                                   likelihood.log_normalisation(),
                                 .log_prior = prior.log_density(points)};
          },
  };
}

}  // namespace invar::campaign
