#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <hdf5_hl.h>

#include "invar/core/error.hpp"
#include "invar/store/campaign_store.hpp"
#include "invar/store/summary.hpp"
#include "store/hdf5.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"
#include "store/support/campaign.hpp"
#include "store/support/campaign_difference.hpp"

namespace invar::store {
namespace {

namespace fs = std::filesystem;
using testing::campaign_difference;
using testing::ChainMethod;
using testing::make_reference;
using testing::small_d;
using testing::small_m;
using testing::small_n;
using testing::small_rounds;
using testing::TemporaryDirectory;

TEST(View, HasEveryEvaluationSortedById) {
  const TemporaryDirectory directory;
  const fs::path path = make_reference(directory);
  verify_sealed_file(path, "view");
  const h5::Handle file = h5::open_on_disk(path);

  const auto id = h5::read<std::int64_t>(file.get(), "evaluations/id");
  const auto round = h5::read<std::int64_t>(file.get(), "evaluations/round");
  const auto sample = h5::read<std::int64_t>(file.get(), "evaluations/sample");
  const auto status = h5::read<std::uint8_t>(file.get(), "evaluations/status");
  const auto message = h5::read<std::string>(file.get(), "evaluations/message");
  const auto host = h5::read<std::string>(file.get(), "evaluations/host");
  const auto log_likelihood = h5::read<double>(file.get(), "evaluations/log_likelihood");
  const auto log_prior = h5::read<double>(file.get(), "evaluations/log_prior");
  const Eigen::MatrixXd parameters = h5::read_samples(file.get(), "evaluations/parameters");
  const Eigen::MatrixXd qois = h5::read_samples(file.get(), "evaluations/qois");
  ASSERT_EQ(std::ssize(id), small_n * small_rounds);
  ASSERT_EQ(parameters.rows(), small_d);
  ASSERT_EQ(qois.rows(), small_m);
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    const method::Evaluation expected = testing::run_model(parameters.col(column), small_m);
    EXPECT_EQ(id[i], column);
    EXPECT_EQ(round[i], column / small_n);
    EXPECT_EQ(sample[i], column % small_n);
    EXPECT_EQ(status[i], static_cast<std::uint8_t>(expected.status));
    EXPECT_EQ(message[i], expected.message);
    EXPECT_EQ(host[i], "node01");
    EXPECT_NEAR(log_prior[i], parameters.col(column).sum(), 1e-12);
    if (expected.status == method::Status::ok) {
      EXPECT_EQ(qois.col(column), expected.qois);
      EXPECT_NEAR(log_likelihood[i], expected.qois.sum(), 1e-12);
    } else {
      EXPECT_TRUE(qois.col(column).array().isNaN().all());
      EXPECT_TRUE(std::isnan(log_likelihood[i]));
    }
  }
}

TEST(View, HasTheDerivativesThatWereWanted) {
  const TemporaryDirectory directory;
  const h5::Handle file = h5::open_on_disk(make_reference(directory));

  const auto ids = h5::read<std::int64_t>(file.get(), "derivatives/jacobian/id");
  h5::Shape shape;
  const auto values = h5::read_array(file.get(), "derivatives/jacobian/values", 3, shape);
  const Eigen::MatrixXd parameters = h5::read_samples(file.get(), "evaluations/parameters");
  const auto directions = h5::read_samples(file.get(), "derivatives/jacobian_vector/direction");
  const auto products = h5::read_samples(file.get(), "derivatives/vector_jacobian/product");
  const auto weights = h5::read_samples(file.get(), "derivatives/vector_jacobian/weight");

  ASSERT_EQ(shape, (h5::Shape{ids.size(), small_m, small_d}));
  const auto expected = testing::run_model(parameters.col(ids.front()), small_m,
                                           testing::wanted_of(1, ids.front() % small_n));
  EXPECT_EQ(values[1], expected.derivatives.jacobian(0, 1));
  EXPECT_EQ(values[small_d], expected.derivatives.jacobian(1, 0));
  EXPECT_EQ(directions.rows(), small_d);
  EXPECT_EQ(weights.rows(), small_m);
  EXPECT_EQ(products.rows(), small_d);
}

TEST(View, KeepsRunsThatNobodyAskedForApart) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round(),
                     {.runs = {}, .runs_ahead = true});
  testing::finish_small(directory / "c");
  const h5::Handle file = h5::open_on_disk(directory / "c/campaign.h5");

  const auto ran_ahead = h5::read<std::uint8_t>(file.get(), "evaluations/ran_ahead");
  const auto id = h5::read<std::int64_t>(file.get(), "speculative/id");
  const auto round = h5::read<std::int64_t>(file.get(), "speculative/round");
  const auto status = h5::read<std::uint8_t>(file.get(), "speculative/status");
  const auto host = h5::read<std::string>(file.get(), "speculative/host");
  const Eigen::MatrixXd parameters = h5::read_samples(file.get(), "speculative/parameters");
  const Eigen::MatrixXd qois = h5::read_samples(file.get(), "speculative/qois");
  EXPECT_EQ(std::ssize(ran_ahead), small_n * small_rounds);
  const auto num_used = std::count(ran_ahead.begin(), ran_ahead.end(), 1);
  // Of two samples in every round but the first, those that did not fail.
  EXPECT_GT(num_used, small_rounds - 1);
  EXPECT_EQ(std::ssize(id), 3 * (small_rounds - 1) - num_used);
  EXPECT_TRUE(std::is_sorted(round.begin(), round.end()));
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    const method::Evaluation expected = testing::run_model(parameters.col(column), small_m);
    EXPECT_EQ(status[i], static_cast<std::uint8_t>(expected.status));
    EXPECT_EQ(host[i], "node01");
    if (expected.status == method::Status::ok) {
      EXPECT_EQ(qois.col(column), expected.qois);
    }
  }
  EXPECT_FALSE(h5::exists(h5::open_on_disk(make_reference(directory)).get(), "speculative"));
}

TEST(View, HasARowPerRound) {
  const TemporaryDirectory directory;
  const h5::Handle file = h5::open_on_disk(make_reference(directory));

  EXPECT_EQ(std::ssize(h5::read<std::int64_t>(file.get(), "rounds/round")), small_rounds);
  EXPECT_EQ(h5::read<double>(file.get(), "rounds/iteration").back(), 6.0);
  EXPECT_EQ(h5::read<double>(file.get(), "rounds/seconds").front(), 0.125);
  EXPECT_EQ(h5::read<std::string>(file.get(), "rounds/messages").front(), "first\nsecond");
  EXPECT_EQ(h5::read_samples(file.get(), "rounds/mean").cols(), small_rounds);
}

TEST(View, IsEqualWhateverTheOrderOfArrivalAndTheSegments) {
  const TemporaryDirectory directory;
  const fs::path reference = make_reference(directory);
  testing::run_small(directory / "c", testing::closing_every_round());
  testing::finish_small(directory / "c");

  EXPECT_EQ(campaign_difference(reference, directory / "c/campaign.h5"), std::nullopt);
}

TEST(View, DiffersWhenANumberDoes) {
  const TemporaryDirectory directory;
  const fs::path reference = make_reference(directory);
  create_campaign(directory / "c", {.study_text = "", .data_files = {}});
  CampaignStore store(directory / "c");
  ChainMethod method = testing::make_small_method();
  method.bias = 1e-14;
  testing::run_campaign(store, method, small_m);
  store.write_view(testing::make_view(method, small_d, small_m));

  const auto difference = campaign_difference(reference, directory / "c/campaign.h5");

  ASSERT_TRUE(difference.has_value());
  EXPECT_NE(difference->find("rounds/elbo"), std::string::npos) << *difference;
}

TEST(View, CanBeWrittenBeforeTheFirstRoundAndInTheMiddleOfOne) {
  const TemporaryDirectory directory;
  create_campaign(directory / "c", {.study_text = "", .data_files = {}});
  ChainMethod method = testing::make_small_method();
  CampaignStore store(directory / "c");
  View view = testing::make_view(method, small_d, small_m);
  view.posterior.reset();

  store.write_view(view);
  testing::run_campaign(store, method, small_m, {.runs = small_n + 2, .closes = false});
  store.write_view(view);

  const h5::Handle file = h5::open_on_disk(directory / "c/campaign.h5");
  EXPECT_EQ(h5::read<std::int64_t>(file.get(), "evaluations/id").size(), small_n + 2U);
  EXPECT_EQ(h5::read<std::int64_t>(file.get(), "rounds/round").size(), 1U);
  EXPECT_FALSE(h5::exists(file.get(), "posterior"));
}

TEST(View, RefusesAStudyOfAnotherSize) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  CampaignStore store(directory / "c");
  View view = testing::make_view(testing::make_small_method(), small_d, small_m + 1);
  view.posterior.reset();

  try {
    store.write_view(view);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
  }
  EXPECT_FALSE(fs::exists(directory / "c/campaign.h5"));
}

TEST(View, KeepsCorrelatedPriorsAndNoiseWhole) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  CampaignStore store(directory / "c");
  View view = testing::make_view(testing::make_small_method(), small_d, small_m);
  view.posterior.reset();
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Identity(small_d, small_d);
  covariance(0, 1) = covariance(1, 0) = 0.5;
  view.space.prior = space::Prior::multivariate(Eigen::VectorXd::Zero(small_d), covariance);
  Eigen::MatrixXd noise = Eigen::MatrixXd::Identity(small_m, small_m);
  noise(0, 1) = noise(1, 0) = 0.25;
  view.observations.noise = space::Noise::correlated(noise);

  store.write_view(view);

  const h5::Handle file = h5::open_on_disk(directory / "c/campaign.h5");
  EXPECT_TRUE(h5::read_matrix(file.get(), "parameters/prior/covariance").isApprox(covariance));
  EXPECT_EQ(h5::read_matrix(file.get(), "observations/covariance"), noise);
}

TEST(View, NamesTheDimensionsOfItsArrays) {
  const TemporaryDirectory directory;
  const h5::Handle file = h5::open_on_disk(make_reference(directory));
  const auto name_of_axis = [&](const std::string& path, unsigned axis) {
    const h5::Handle dataset = h5::open_dataset(file.get(), path);
    char name[64] = "none";
    const H5DS_iterate_t keep = [](hid_t, unsigned, hid_t scale, void* out) -> herr_t {
      H5DSget_scale_name(scale, static_cast<char*>(out), 64);
      return 1;
    };
    H5DSiterate_scales(dataset.get(), axis, nullptr, keep, name);
    return std::string(name);
  };

  EXPECT_EQ(name_of_axis("evaluations/parameters", 0), "id");
  EXPECT_EQ(name_of_axis("evaluations/parameters", 1), "parameter");
  EXPECT_EQ(name_of_axis("evaluations/qois", 1), "qoi");
  EXPECT_EQ(name_of_axis("rounds/mean", 0), "round");
  EXPECT_EQ(name_of_axis("rounds/elbo", 0), "round");
  EXPECT_EQ(name_of_axis("posterior/covariance", 1), "parameter_column");
  EXPECT_EQ(name_of_axis("posterior/samples", 0), "sample");
}

TEST(View, KeepsWeightsDrawsDiagnosticsAndFindingsOfThePosterior) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  const View view = testing::make_talkative_view();
  const method::Posterior& expected = *view.posterior;

  CampaignStore(directory / "c").write_view(view);

  const h5::Handle file = h5::open_on_disk(directory / "c/campaign.h5");
  EXPECT_EQ(h5::read_vector(file.get(), "posterior/weights"), expected.weights);
  EXPECT_EQ(h5::read_samples(file.get(), "posterior/draws"), expected.draws);
  EXPECT_EQ(read_state(file.get(), "posterior/diagnostics").values(),
            expected.diagnostics.values());
  EXPECT_EQ(h5::read<std::string>(file.get(), "posterior/findings"), expected.findings);
}

TEST(View, HasNothingWhereThePosteriorSaysNothing) {
  const TemporaryDirectory directory;
  const h5::Handle file = h5::open_on_disk(make_reference(directory));

  for (const char* name : {"weights", "draws", "draw", "diagnostics", "findings", "finding"}) {
    EXPECT_FALSE(h5::exists(file.get(), std::string("posterior/") + name)) << name;
  }
}

/// libhdf5 cannot end well on a full disk, so all that is written counts for what is reserved.
TEST(View, MeetsAFullDiskBeforeItWritesWhatThePosteriorSays) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  const std::vector<std::function<void(method::Posterior&)>> fillings = {
      [](method::Posterior& p) { p.draws = Eigen::MatrixXd::Zero(small_d, 400'000); },
      [](method::Posterior& p) { p.findings.assign(4000, std::string(2000, 'x')); },
      [](method::Posterior& p) {
        p.diagnostics.set("pointwise", Eigen::VectorXd(Eigen::VectorXd::Zero(1'000'000)));
      },
  };
  for (std::size_t i = 0; i < fillings.size(); ++i) {
    View view = testing::make_talkative_view();
    fillings[i](*view.posterior);
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGXFSZ, SIG_IGN);
      constexpr rlim_t bytes = 6'000'000;
      const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      bool is_met_early = false;
      try {
        CampaignStore(directory / "c").write_view(view);
      } catch (const Error& error) {  // of libhdf5 it would not name the file
        is_met_early = std::string(error.what()).find("campaign.h5.tmp") != std::string::npos;
      }
      std::exit(is_met_early ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);

    EXPECT_EQ(status, 0) << "filling " << i;
  }
}

TEST(View, HandsDiagnosticsAndFindingsToTheSummary) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::closing_every_round());
  const View view = testing::make_talkative_view();
  CampaignStore(directory / "c").write_view(view);

  const auto summary = read_summary(directory / "c").posterior;

  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->findings, view.posterior->findings);
  EXPECT_EQ(summary->diagnostics.get<double>("k_hat"), 0.4);
  EXPECT_EQ(summary->diagnostics.get<Eigen::VectorXd>("r_squared")[2], 1.0);
}

TEST(View, KeepsALongStudyWhole) {
  const TemporaryDirectory directory;
  testing::run_small(directory / "c", testing::never_closing());
  CampaignStore store(directory / "c");
  View view = testing::make_view(testing::make_small_method(), small_d, small_m);
  view.posterior.reset();
  const std::string study(200000, 'x');  // attributes of a fixed size end at 64 KiB
  view.attributes = {{"study", study}};

  store.write_view(view);

  const std::string bytes = testing::bytes_of(directory / "c/campaign.h5");
  EXPECT_NE(bytes.find(study), std::string::npos);
}

/// What h5ls -r says of a file of ours.
std::string h5ls(const fs::path& path, const fs::path& output) {
  const std::string command = "h5ls -r '" + path.string() + "' > '" + output.string() + "' 2>&1";
  return std::system(command.c_str()) == 0 ? testing::bytes_of(output) : "failed";
}

TEST(View, AndRestartFilesAreExplainedByH5ls) {
  if (std::system("h5ls --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "h5ls is not installed";
  }
  const TemporaryDirectory directory;
  const fs::path reference = make_reference(directory);

  const std::string view = h5ls(reference, directory / "out");
  for (const char* line : {"/evaluations/parameters", "/rounds/elbo", "/posterior/covariance",
                           "/posterior/optimizer/sum", "/parameters/bounds/max"}) {
    EXPECT_NE(view.find(line), std::string::npos) << line << " in\n" << view;
  }
  const std::string restart =
      h5ls(restart_path(reference.parent_path(), small_rounds), directory / "out");
  EXPECT_NE(restart.find("/state/factor            Dataset {2, 3}"), std::string::npos) << restart;
}

}  // namespace
}  // namespace invar::store
