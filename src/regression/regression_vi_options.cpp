#include "invar/regression/regression_vi_options.hpp"

namespace invar::regression {
namespace {

using options::Cursor;
using options::Node;
using options::Range;
using options::Row;
using options::Table;
using Options = RegressionViOptions;

constexpr int max_count = 100'000'000;

/// A count that is chosen for the problem where the study gives none.
Row<Options> optional_count(const std::string& key, std::optional<int> Options::*member, int least,
                            const std::string& help, const std::string& when_missing) {
  const auto text_of = [member, when_missing](const Options& o) {
    return o.*member ? std::to_string(*(o.*member)) : when_missing;
  };
  return {
      .key = key,
      .type = "whole number",
      .help = help,
      .allowed = ">= " + std::to_string(least) + ", or auto",
      .read =
          [member, least, text_of](const Cursor& at, Options& target) {
            if (at.present() && !(at.node->kind == Node::Kind::scalar &&
                                  options::normalized(at.node->scalar) == "auto")) {
              if (const auto value = read_integer(at, Range::between(least, max_count))) {
                target.*member = static_cast<int>(*value);
              }
            }
            return Node::make_scalar((target.*member) ? text_of(target) : "auto");
          },
      .default_text = text_of,
  };
}

}  // namespace

const Table<Options>& regression_vi_table() {
  static const Table<Options> table({
      options::choice<Options, FamilyChoice>(
          "family", &Options::family,
          {{FamilyChoice::automatic, "auto"},
           {FamilyChoice::full, "full", {"full_covariance"}},
           {FamilyChoice::mean_field, "mean_field", {"diagonal"}},
           {FamilyChoice::low_rank, "low_rank", {"low_rank_plus_diagonal"}}},
          "the Gaussians that are looked at: with any covariance, with a diagonal one, or with the "
          "prior's but for the directions that the data inform; auto: full, low_rank beyond 500 "
          "parameters"),
      options::seed("random_seed", &Options::random_seed),
      options::real("accuracy", &Options::accuracy, Range::at_least(0),
                    "stop when the means are known to this share of the posterior standard "
                    "deviations, and these to this share of themselves; 0: never",
                    "posterior standard deviations"),
      options::integer("max_evaluations", &Options::max_evaluations, Range::between(1, max_count),
                       "model runs in all"),
      optional_count("sample_size", &Options::sample_size, 2, "model runs per round",
                     "2 (d + 2); 16 with Jacobians"),
      optional_count("first_sample_size", &Options::first_sample_size, 2,
                     "the most model runs that are drawn from the start",
                     "16 (d + 2); 16 with Jacobians"),
      optional_count(
          "starts", &Options::starts, 1,
          "from how many places the method climbs, in turns and from all runs; auto: from "
          "another one only while the misfit is larger than the noise explains, and where runs far "
          "from the Gaussian hold more than a tenth of the posterior",
          "up to 8"),
      options::choice<Options, DerivativeUse>(
          "derivatives", &Options::derivatives,
          {{DerivativeUse::automatic, "auto"},
           {DerivativeUse::products, "products"},
           {DerivativeUse::none, "none"}},
          "which derivatives are asked for where the model gives them; auto: Jacobians, else "
          "products with vectors"),
      options::choice<Options, SamplingMethod>(
          "sampling_method", &Options::sampling_method,
          {{SamplingMethod::rqmc, "rqmc", {"randomized_qmc", "randomized_quasi_monte_carlo"}},
           {SamplingMethod::mc, "mc", {"montecarlo", "monte_carlo"}}},
          "scrambled Sobol' points (up to 3667 parameters), or independent normals"),
      options::optional_real(
          "trust_radius", &Options::trust_radius, Range::above(0),
          "the most that one step may change the Gaussian, as a Kullback-Leibler "
          "divergence; none: max(1, d / 4)",
          "nats"),
      options::integer(
          "num_draws", &Options::num_draws, Range::between(1, 10'000'000),
          "draws of the Gaussian that are stored with the answer; beyond 500 parameters "
          "at most 100"),
      options::choice<Options, space::TransformMap>(
          "transform_map", &Options::transform_map,
          {{space::TransformMap::sigmoid, "sigmoid", {"logistic"}},
           {space::TransformMap::arctan, "arctan", {"atan"}}},
          "the map of a parameter with two bounds"),
      options::real("transform_interior_margin", &Options::transform_interior_margin,
                    Range::between_open_above(0, 0.5),
                    "share of the bounded width that the transform keeps free at either bound"),
  });
  return table;
}

}  // namespace invar::regression
