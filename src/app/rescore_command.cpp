#include "app/rescore_command.hpp"

#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/parameter_table.hpp"
#include "app/study_bundle.hpp"
#include "app/study_changes.hpp"
#include "campaign/json_number.hpp"
#include "invar/campaign/rescore.hpp"
#include "invar/store/create_campaign.hpp"

namespace invar::app {
namespace {

namespace fs = std::filesystem;

/// How a method goes on does not matter where it does not go on; what the noise is does.
bool matters(const std::string& change) {
  return !change.starts_with("inference.") ||
         change.starts_with("inference.covariance_regularization:");
}

std::string text_of(const campaign::Rescoring& found, const campaign::Study& study) {
  std::string text;
  text += fmt::format(
      "runs          {} of {} recorded{}, of {} rounds\n", found.num_used,
      found.num_recorded + found.num_reused,
      found.num_reused > 0 ? fmt::format(" ({} of earlier campaigns)", found.num_reused) : "",
      found.num_rounds);
  text += fmt::format("effective     {:.1f} runs; the largest weight is {:.3g} %\n",
                      found.effective_sample_size, 100 * found.largest_weight);
  for (const std::string& note : found.notes) {
    text += "note          " + note + "\n";
  }
  text += "verdict       " + found.verdict + "\n";
  text += fmt::format("log evidence  {:.6g}\n\n", found.log_evidence);
  return text + parameter_table(study.space.names, study.space.units, found.mean, found.std);
}

std::string json_of(const campaign::Rescoring& found, const campaign::Study& study) {
  using campaign::json_number;
  using campaign::json_numbers;
  nlohmann::json covariance = nlohmann::json::array();
  for (Eigen::Index j = 0; j < found.covariance.rows(); ++j) {
    covariance.push_back(json_numbers(found.covariance.row(j).transpose()));
  }
  const nlohmann::json text = {{"is_usable", found.is_usable},
                               {"verdict", found.verdict},
                               {"effective_sample_size", json_number(found.effective_sample_size)},
                               {"largest_weight", json_number(found.largest_weight)},
                               {"runs", found.num_used},
                               {"reused", found.num_reused},
                               {"recorded", found.num_recorded},
                               {"log_evidence", json_number(found.log_evidence)},
                               {"notes", found.notes},
                               {"posterior",
                                {{"names", study.space.names},
                                 {"mean", json_numbers(found.mean)},
                                 {"std", json_numbers(found.std)},
                                 {"covariance", covariance}}}};
  return text.dump(2) + "\n";
}

}  // namespace

std::string rescore_text(const Arguments& arguments, const model::ModelRegistry& registry) {
  const fs::path directory = arguments.directory;
  const store::Manifest manifest = store::read_manifest(directory);
  const fs::path stored = directory / "study.yaml";
  const LoadedStudy before = load_study(stored, {}, registry);
  const fs::path given = arguments.study.empty() ? stored : fs::path(arguments.study);
  const LoadedStudy after = load_study(given, arguments.overrides, registry, manifest.data_files);
  std::vector<std::string> changes = changed_keys(before.study.resolved, after.study.resolved);
  std::erase_if(changes, [](const std::string& change) { return !matters(change); });
  judge_changes(changes, before.study.harmless_model_keys);

  const campaign::Rescoring found = campaign::rescore(directory, before.study, after.study);
  if (arguments.is_json) {
    return json_of(found, after.study);
  }
  std::string text = "campaign " + directory.string() + "\n";
  for (const std::string& change : changes) {
    text += "changed       " + change + "\n";
  }
  return text + text_of(found, after.study);
}

}  // namespace invar::app
