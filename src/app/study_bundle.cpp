#include "app/study_bundle.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "app/overrides.hpp"
#include "invar/parallel/agree.hpp"

namespace invar::app {

std::string study_bytes(const LoadedStudy& loaded) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& [path, copy] : loaded.copies) {
    files[path] = {copy.stored_name, copy.bytes};
  }
  nlohmann::json in_place = nlohmann::json::object();
  for (const auto& [path, file] : loaded.files_in_place) {
    in_place[path] = {file.path, file.is_there, file.is_folder, file.checksum};
  }
  std::string bytes;
  nlohmann::json::to_msgpack({{"path", loaded.path.string()},
                              {"overrides", loaded.overrides},
                              {"text", loaded.text},
                              {"files", files},
                              {"files_in_place", in_place}},
                             bytes);
  return bytes;
}

LoadedStudy study_from_bytes(const std::string& bytes, const model::ModelRegistry& registry) {
  const nlohmann::json bundle = nlohmann::json::from_msgpack(bytes);
  FileCopies copies;
  for (const auto& [path, copy] : bundle.at("files").items()) {
    copies[path] = {.stored_name = copy.at(0).get<std::string>(),
                    .bytes = copy.at(1).get<std::string>()};
  }
  FilesInPlace in_place;
  for (const auto& [path, file] : bundle.at("files_in_place").items()) {
    in_place[path] = {.path = file.at(0).get<std::string>(),
                      .is_there = file.at(1).get<bool>(),
                      .is_folder = file.at(2).get<bool>(),
                      .checksum = file.at(3).get<std::string>()};
  }
  auto path = bundle.at("path").get<std::string>();
  auto overrides = bundle.at("overrides").get<std::vector<std::string>>();
  auto text = bundle.at("text").get<std::string>();
  SentFiles files(std::move(copies), std::move(in_place));
  campaign::Study study = campaign::read_study(parse_study(text, path, overrides), files, registry);
  return {.path = std::move(path),
          .overrides = std::move(overrides),
          .text = std::move(text),
          .study = std::move(study),
          .copies = files.copies(),
          .files_in_place = files.files_in_place()};
}

LoadedStudy load_study(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                       const model::ModelRegistry& registry, const StoredFiles& stored) {
  DiskFiles files(path.parent_path(), stored);
  std::string text = read_file(path);
  campaign::Study study =
      campaign::read_study(parse_study(text, path.string(), overrides), files, registry);
  return {.path = path,
          .overrides = overrides,
          .text = std::move(text),
          .study = std::move(study),
          .copies = files.copies(),
          .files_in_place = files.files_in_place()};
}

LoadedStudy load_study_on_all(const parallel::Comm& comm, const std::filesystem::path& path,
                              const std::vector<std::string>& overrides,
                              const model::ModelRegistry& registry, const StoredFiles& stored) {
  std::string bytes;
  std::optional<LoadedStudy> loaded;
  parallel::agree(comm, [&] {
    if (comm.rank() == 0) {
      loaded = load_study(path, overrides, registry, stored);
      bytes = study_bytes(*loaded);
    }
  });
  parallel::broadcast(comm, bytes);
  parallel::agree(comm, [&] {
    if (comm.rank() != 0) {
      loaded = study_from_bytes(bytes, registry);
    }
  });
  return std::move(*loaded);
}

}  // namespace invar::app
