#include "app/show.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "store/support/campaign.hpp"

namespace invar::app {
namespace {

using nlohmann::json;
using store::testing::TemporaryDirectory;

void write_campaign(const TemporaryDirectory& directory, const store::View& view) {
  store::testing::run_small(directory / "c", store::testing::closing_every_round());
  store::CampaignStore(directory / "c").write_view(view);
}

TEST(Show, EndsWithWhatTheMethodFound) {
  const TemporaryDirectory directory;
  store::View view = store::testing::make_talkative_view();
  view.posterior->findings = {"All is well.", "p1 is hardly informed."};
  write_campaign(directory, view);

  const std::string text = show_text(directory / "c");

  EXPECT_TRUE(text.ends_with("\nwhat this says\nAll is well.\np1 is hardly informed.\n")) << text;
}

TEST(Show, HasNoSuchHeadingWhereTheMethodFoundNothing) {
  const TemporaryDirectory directory;
  store::View view = store::testing::make_talkative_view();
  view.posterior->findings.clear();
  view.posterior->diagnostics = {};
  write_campaign(directory, view);

  const json posterior = json::parse(show_json(directory / "c")).at("posterior");

  EXPECT_EQ(show_text(directory / "c").find("what this says"), std::string::npos);
  EXPECT_EQ(posterior.at("findings"), json::array());
  EXPECT_EQ(posterior.at("diagnostics"), json::object());
}

TEST(Show, GivesDiagnosticsAndFindingsToPrograms) {
  const TemporaryDirectory directory;
  store::View view = store::testing::make_talkative_view();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  view.posterior->diagnostics.set("not_known", nan);
  view.posterior->diagnostics.set("some_known", Eigen::VectorXd(Eigen::Vector2d(1.5, nan)));
  write_campaign(directory, view);

  const json posterior = json::parse(show_json(directory / "c")).at("posterior");

  EXPECT_EQ(posterior.at("findings"), json(view.posterior->findings));
  const json& diagnostics = posterior.at("diagnostics");
  EXPECT_EQ(diagnostics.at("k_hat"), 0.4);
  EXPECT_EQ(diagnostics.at("rounds"), 7);
  EXPECT_EQ(diagnostics.at("verdict"), "good");
  EXPECT_EQ(diagnostics.at("r_squared"), json({0.0, 0.5, 1.0}));
  EXPECT_EQ(diagnostics.at("not_known"), json(nullptr));
  EXPECT_EQ(diagnostics.at("some_known"), json({1.5, nullptr}));
  EXPECT_FALSE(diagnostics.contains("hessian")) << "matrices are in campaign.h5";
}

}  // namespace
}  // namespace invar::app
