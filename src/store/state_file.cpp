#include "invar/store/state_file.hpp"

#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace fs = std::filesystem;

std::string state_file_bytes(const std::string& kind, std::map<std::string, std::int64_t> counts,
                             const method::State& state) {
  const h5::Handle file = h5::create_in_memory();
  write_state(file.get(), kind, state);
  return sealed_bytes(kind, std::move(counts), h5::image(file));
}

method::State read_state_file(const std::string& bytes, const fs::path& path,
                              const std::string& kind) {
  const std::string_view image = verified_image(bytes, path, kind);
  try {
    const h5::Handle file = h5::open_in_memory(std::string(image));
    return read_state(file.get(), kind);
  } catch (const Error& error) {
    throw Error(ErrorKind::data, fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::map<std::string, std::string> state_files_in(const fs::path& campaign,
                                                  const std::string& kind) {
  std::map<std::string, std::string> found;
  const fs::path folder = campaign / "data";
  for (const std::string& name :
       fs::is_directory(folder) ? list_directory(folder) : std::vector<std::string>()) {
    try {
      read_seal(folder / name, kind);
      found["data/" + name] = read_file(folder / name);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) {
        throw;
      }
    }
  }
  return found;
}

}  // namespace invar::store
