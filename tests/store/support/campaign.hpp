#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "invar/method/method.hpp"
#include "invar/store/campaign_store.hpp"

namespace invar::store::testing {

/// A folder of its own for a test, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// A method whose points depend on all answers before: what is lost or mixed up shows at once.
class ChainMethod : public method::Method {
 public:
  ChainMethod(Eigen::Index num_parameters, Eigen::Index batch_size, std::int64_t num_rounds,
              bool wants_derivatives = false);

  method::Batch ask() override;
  void tell(const method::BatchResult& result) override;
  [[nodiscard]] method::RoundDiagnostics diagnostics() const override;
  [[nodiscard]] method::StopReason stop_reason() const override;
  [[nodiscard]] std::optional<method::Posterior> posterior() const override;
  [[nodiscard]] method::State state() const override;
  void restore(const method::State& state) override;
  [[nodiscard]] bool has_target_of(const method::State& state) const override;
  void rescore(const method::State& state, std::int64_t num_given_up) override;

  double bias = 0.0;  // added to the diagnostics: a program that computes otherwise

 private:
  Eigen::Index num_parameters_;
  Eigen::Index batch_size_;
  std::int64_t num_rounds_;
  bool wants_derivatives_;  // as `wanted_of` says
  std::int64_t round_ = 0;
  double sum_ = 0.25;
};

/// What the method of a small campaign wants of a sample of a round.
method::WantedDerivatives wanted_of(std::int64_t round, Eigen::Index sample);

/// A model that fails for some points.
method::Evaluation run_model(const Eigen::VectorXd& point, Eigen::Index num_qois,
                             const method::WantedDerivatives& wanted = {});

/// The number of model runs after which a campaign is abandoned, as by a kill or a stop.
struct Until {
  std::optional<std::int64_t> runs;
  bool closes = true;  // an orderly end; else the store is just dropped
  /// Before a round is told, some of what the next one asks is run ahead, and some that nobody
  /// asks.
  bool runs_ahead = false;
};

/// The main loop in small: goes on with a campaign to its end, or until so many model runs.
/// @return how many runs the model made
std::int64_t run_campaign(CampaignStore& store, ChainMethod& method, Eigen::Index num_qois,
                          Until until = {});

/// Options with which a segment closes at every round's end, or never.
StoreOptions closing_every_round();
StoreOptions never_closing();

View make_view(const ChainMethod& method, Eigen::Index num_parameters, Eigen::Index num_qois);

/// The view of a small campaign whose posterior says all that a method can say.
View make_talkative_view();

/// A campaign of these sizes, whole: `name` inside `directory`.
inline constexpr Eigen::Index small_d = 3;
inline constexpr Eigen::Index small_m = 4;
inline constexpr Eigen::Index small_n = 5;
inline constexpr std::int64_t small_rounds = 6;

ChainMethod make_small_method();

/// Makes the campaign and runs it until then.
void run_small(const std::filesystem::path& directory, const StoreOptions& options,
               Until until = {});
/// Opens the campaign again, runs it to its end and packs it. @return the runs it took
std::int64_t finish_small(const std::filesystem::path& directory, const StoreOptions& options = {},
                          std::vector<std::string>* notes = nullptr);
/// Of the samples that a round asks, those that were run ahead.
bool is_run_ahead(Eigen::Index sample);
/// The campaign.h5 that every interrupted campaign has to end with.
std::filesystem::path make_reference(const TemporaryDirectory& directory);

void overwrite(const std::filesystem::path& path, const std::string& bytes);
void flip_byte(const std::filesystem::path& path, std::size_t offset);
std::string bytes_of(const std::filesystem::path& path);

}  // namespace invar::store::testing
