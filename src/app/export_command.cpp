#include "app/export_command.hpp"

#include <ctime>
#include <filesystem>
#include <variant>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "app/overrides.hpp"
#include "invar/campaign/inference_data.hpp"
#include "invar/core/error.hpp"
#include "invar/store/netcdf.hpp"
#include "invar/store/view.hpp"

namespace invar::app {
namespace fs = std::filesystem;

std::string export_posterior(const Arguments& arguments) {
  const fs::path to = fs::absolute(arguments.to);
  if (to.extension() != ".nc") {
    throw Error(ErrorKind::usage,
                fmt::format("--to: expected a name that ends in .nc (InferenceData of ArviZ as "
                            "netCDF4), the one kind of file that is written; found {}",
                            arguments.to));
  }
  std::error_code ignored;
  if (!arguments.is_forced && fs::exists(fs::symlink_status(to, ignored))) {
    throw Error(
        ErrorKind::usage,
        fmt::format("--to: {} is there already; take another name, or --force to replace it",
                    arguments.to));
  }
  const fs::path directory = arguments.directory;
  const store::StoredView stored = store::read_view(directory);
  std::string study;
  for (const auto& [name, value] : stored.view.attributes) {
    if (name == "study") {
      study = std::get<std::string>(value);
    }
  }
  const std::string now = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  const campaign::InferenceData data = campaign::inference_data(
      stored, parse_study(study, (directory / "campaign.h5").string(), {}), now);
  store::write_netcdf(to, data.file);

  std::string text = fmt::format("{}:", arguments.to);
  for (const store::NetcdfGroup& group : data.file.groups) {
    text += " " + group.name;
  }
  text += "\n";
  for (const std::string& note : data.notes) {
    text += "note: " + note + "\n";
  }
  return text;
}

}  // namespace invar::app
