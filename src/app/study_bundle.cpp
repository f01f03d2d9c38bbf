#include "app/study_bundle.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "app/overrides.hpp"
#include "invar/parallel/agree.hpp"

namespace invar::app {
namespace {

/// What rank 0 sends: the study's text and its files, any bytes.
std::string pack_bundle(const std::string& text, const FileCopies& copies) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [path, copy] : copies) {
    files[path] = {copy.stored_name, copy.bytes};
  }
  std::string bytes;
  nlohmann::json::to_msgpack({{"text", text}, {"files", files}}, bytes);
  return bytes;
}

std::pair<std::string, FileCopies> unpack_bundle(const std::string& bytes) {
  const nlohmann::json bundle = nlohmann::json::from_msgpack(bytes);
  FileCopies copies;
  for (const auto& [path, copy] : bundle.at("files").items()) {
    copies[path] = {.stored_name = copy.at(0).get<std::string>(),
                    .bytes = copy.at(1).get<std::string>()};
  }
  return {bundle.at("text").get<std::string>(), std::move(copies)};
}

}  // namespace

LoadedStudy load_study(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                       const model::ModelRegistry& registry, const StoredFiles& stored) {
  DiskFiles files(path.parent_path(), stored);
  std::string text = read_file(path);
  campaign::Study study =
      campaign::read_study(parse_study(text, path.string(), overrides), files, registry);
  return {.text = std::move(text), .study = std::move(study), .copies = files.copies()};
}

LoadedStudy load_study_on_all(const parallel::Comm& comm, const std::filesystem::path& path,
                              const std::vector<std::string>& overrides,
                              const model::ModelRegistry& registry, const StoredFiles& stored) {
  std::string bundle;
  std::optional<LoadedStudy> loaded;
  parallel::agree(comm, [&] {
    if (comm.rank() == 0) {
      loaded = load_study(path, overrides, registry, stored);
      bundle = pack_bundle(loaded->text, loaded->copies);
    }
  });
  parallel::broadcast(comm, bundle);
  parallel::agree(comm, [&] {
    if (comm.rank() != 0) {
      auto [text, copies] = unpack_bundle(bundle);
      SentFiles files(std::move(copies));
      campaign::Study study =
          campaign::read_study(parse_study(text, path.string(), overrides), files, registry);
      loaded =
          LoadedStudy{.text = std::move(text), .study = std::move(study), .copies = files.copies()};
    }
  });
  return std::move(*loaded);
}

}  // namespace invar::app
