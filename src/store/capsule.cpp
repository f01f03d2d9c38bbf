#include "store/capsule.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "store/files.hpp"

namespace invar::store {
namespace fs = std::filesystem;

void write_capsule(const fs::path& campaign, const method::Batch& batch, Eigen::Index sample,
                   const method::Evaluation& evaluation, double finished) {
  const std::int64_t id = batch.first_id + sample;
  const fs::path path = campaign / "failed" / std::to_string(id) / "evaluation.json";
  std::error_code ignored;
  if (fs::file_size(path, ignored) > 0 && !ignored) {
    return;
  }
  const Eigen::VectorXd point = batch.points.col(sample);
  nlohmann::ordered_json json;
  json["id"] = id;
  json["round"] = batch.round;
  json["sample"] = sample;
  json["status"] = method::status_name(evaluation.status);
  json["message"] = evaluation.message;
  json["parameters"] = std::vector<double>(point.begin(), point.end());
  json["host"] = evaluation.host;
  json["group"] = evaluation.group;
  json["attempts"] = evaluation.attempts;
  json["wall_seconds"] = evaluation.wall_seconds;
  json["finished"] = finished;
  // Doubles are written so that reading them gives the same bits.
  const std::string text =
      json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  make_directory(path.parent_path());
  write_file(path, {text}, Sync::no);
}

void remove_capsule(const fs::path& campaign, std::int64_t id) {
  std::error_code ignored;
  fs::remove_all(campaign / "failed" / std::to_string(id), ignored);
}

void sync_capsules(const fs::path& campaign) {
  const File folder(campaign / "failed", O_RDONLY | O_DIRECTORY);
  if (::syncfs(folder.get()) != 0) {
    throw_io("sync", folder.path(), errno);
  }
}

}  // namespace invar::store
