#include "store/seal.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "invar/core/error.hpp"
#include "store/crc.hpp"
#include "store/files.hpp"

namespace invar::store {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view heading =
    "# --- The campaign checks the sums below. Change it with `invar resume DIR --study FILE`.\n";
constexpr std::string_view revision_mark = "# revision ";
constexpr std::string_view first_round_mark = "# from round ";
constexpr std::string_view program_mark = "# program ";
constexpr std::string_view sum_mark = "# sum ";
constexpr std::string_view own_name = "study.yaml";

std::string sum_line(std::string_view name, std::string_view bytes) {
  Crc32c crc;
  crc.add(bytes);
  return fmt::format("{}{:08x} {}\n", sum_mark, crc.value(), name);
}

[[noreturn]] void throw_broken(const fs::path& file, const char* what) {
  throw Error(
      ErrorKind::data,
      fmt::format(
          "{} {}: it was edited or damaged since the campaign wrote it; put it back "
          "from a copy{}, and then change the study with `invar resume DIR --study "
          "FILE`",
          file.string(), what,
          file.filename() == own_name ? " (the attribute `study` of campaign.h5 is one)" : ""));
}

std::int64_t number_after(std::string_view mark, std::string_view line) {
  line.remove_prefix(mark.size());
  std::int64_t number = 0;
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

/// Cuts the next line off, without its end; none when no whole line is left.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string sealed_text(const Manifest& manifest) {
  std::string text = manifest.study_text;
  text += heading;
  text += fmt::format("{}{}\n", revision_mark, manifest.revision);
  text += fmt::format("{}{}\n", first_round_mark, manifest.first_round);
  if (!manifest.program.empty()) {
    text += fmt::format("{}{}\n", program_mark, manifest.program);
  }
  for (const auto& [name, bytes] : manifest.data_files) {
    text += sum_line(name, bytes);
  }
  return text + sum_line(own_name, text);
}

Manifest read_sealed_manifest(const fs::path& campaign) {
  const fs::path path = campaign / own_name;
  const std::string text = read_file(path);
  const std::size_t begin = text.rfind(heading);
  if (begin == std::string::npos) {
    throw_broken(path, "has lost its seal");
  }
  // The last line is the sum of all the lines before it.
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  if (!text.ends_with('\n') || last <= begin ||
      text.substr(last) != sum_line(own_name, std::string_view(text).substr(0, last))) {
    throw_broken(path, "has another checksum than its last line says");
  }
  Manifest manifest;
  manifest.study_text = text.substr(0, begin);
  std::string_view rest =
      std::string_view(text).substr(begin + heading.size(), last - begin - heading.size());
  for (auto line = take_line(rest); line; line = take_line(rest)) {
    if (line->starts_with(revision_mark)) {
      manifest.revision = number_after(revision_mark, *line);
    } else if (line->starts_with(first_round_mark)) {
      manifest.first_round = number_after(first_round_mark, *line);
    } else if (line->starts_with(program_mark)) {
      manifest.program = line->substr(program_mark.size());
    } else if (line->starts_with(sum_mark)) {
      if (line->size() < sum_mark.size() + 9) {
        throw_broken(path, "has a sum of no file");
      }
      const std::string name(line->substr(sum_mark.size() + 9));
      auto bytes = read_file_if_any(campaign / name);
      if (!bytes) {
        throw_broken(campaign / name, "is missing");
      }
      if (sum_line(name, *bytes) != std::string(*line) + "\n") {
        throw_broken(campaign / name, "has another checksum than study.yaml says");
      }
      manifest.data_files[name] = std::move(*bytes);
    }
  }
  return manifest;
}

}  // namespace invar::store
