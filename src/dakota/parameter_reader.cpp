#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/json.hpp"
#include "dakota/number.hpp"
#include "dakota/parameter_file.hpp"
#include "invar/core/error.hpp"

namespace invar::dakota {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view blanks = " \t\r\n\v\f";

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  return begin == std::string_view::npos
             ? std::string()
             : std::string(text.substr(begin, text.find_last_not_of(blanks) - begin + 1));
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::data, message);
}

/// A whole number from 0 on; none where it is something else.
std::optional<std::uint64_t> parse_count(const std::string& text) {
  if (text.empty() || text.size() > 18 ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoull(text);
}

void derive_by_all(Request& request) {
  for (Eigen::Index i = 0; i < request.values.size(); ++i) {
    request.derivative_variables.push_back(i);
  }
}

/// The blocks of a file of lines, by the names of their counts.
struct BlockNames {
  const char* variables;
  const char* functions;
  const char* derivative_variables;
  const char* analysis_components;
  const char* evaluation_id;
  const char* metadata;
};
constexpr BlockNames standard_names = {"variables",           "functions", "derivative_variables",
                                       "analysis_components", "eval_id",   "metadata"};
constexpr BlockNames aprepro_names = {"DAKOTA_VARS",     "DAKOTA_FNS",     "DAKOTA_DER_VARS",
                                      "DAKOTA_AN_COMPS", "DAKOTA_EVAL_ID", "DAKOTA_METADATA"};

/// A line that says something.
struct Entry {
  std::size_t line = 0;  // from 1
  std::string tag;
  std::string value;
};

/// "-1.2e+00 x1": the value may hold blanks, the tag does not.
Entry standard_entry(std::size_t line, const std::string& text) {
  const std::size_t end = text.find_last_of(blanks);
  if (end == std::string::npos) {
    refuse(fmt::format("line {}: expected a value and its name, found {}", line, quoted(text)));
  }
  return {.line = line, .tag = text.substr(end + 1), .value = trimmed(text.substr(0, end))};
}

/// "{ x1 = -1.2e+00 }"
Entry aprepro_entry(std::size_t line, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (text.size() < 2 || text.front() != '{' || text.back() != '}' || equals == std::string::npos) {
    refuse(fmt::format("line {}: expected {{ name = value }}, found {}", line, quoted(text)));
  }
  return {.line = line,
          .tag = trimmed(text.substr(1, equals - 1)),
          .value = trimmed(text.substr(equals + 1, text.size() - equals - 2))};
}

std::vector<Entry> entries_of(const std::string& text, bool is_aprepro) {
  std::vector<Entry> entries;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string content = trimmed(std::string_view(text).substr(begin, end - begin));
    ++line;
    if (!content.empty()) {
      entries.push_back(is_aprepro ? aprepro_entry(line, content) : standard_entry(line, content));
    }
    begin = end + 1;
  }
  return entries;
}

/// Reads lines one after the other, block by block.
class Blocks {
 public:
  Blocks(const std::string& text, bool is_aprepro)
      : names_(is_aprepro ? aprepro_names : standard_names),
        entries_(entries_of(text, is_aprepro)) {}

  [[nodiscard]] bool is_at_end() const { return next_ == entries_.size(); }

  Request read_request() {
    Request request;
    const std::size_t num_variables = read_count(names_.variables);
    request.values.resize(static_cast<Eigen::Index>(num_variables));
    for (std::size_t i = 0; i < num_variables; ++i) {
      const Entry& entry = take();
      const auto value = parse_number(entry.value);
      if (!value) {
        refuse(fmt::format("line {}: expected a number for the variable {}, found {}", entry.line,
                           quoted(entry.tag), quoted(entry.value)));
      }
      request.variables.push_back(entry.tag);
      request.values[static_cast<Eigen::Index>(i)] = *value;
    }
    const std::size_t num_functions = read_count(names_.functions);
    for (std::size_t i = 0; i < num_functions; ++i) {
      const Entry& entry = take();
      const std::size_t colon = entry.tag.find(':');
      request.responses.push_back(colon == std::string::npos ? "" : entry.tag.substr(colon + 1));
      request.active_set.push_back(static_cast<int>(read_number(entry, 0, 7)));
    }
    read_derivative_variables(request);
    if (is_next(names_.analysis_components)) {
      const std::size_t num_components = read_count(names_.analysis_components);
      next_ += num_components;
    }
    if (is_next(names_.evaluation_id)) {
      request.evaluation_id = take().value;
    }
    if (is_next(names_.metadata)) {
      const std::size_t num_metadata = read_count(names_.metadata);
      for (std::size_t i = 0; i < num_metadata; ++i) {
        request.metadata.push_back(take().value);
      }
    }
    return request;
  }

 private:
  void read_derivative_variables(Request& request) {
    if (!is_next(names_.derivative_variables)) {
      derive_by_all(request);
      return;
    }
    const std::size_t count = read_count(names_.derivative_variables);
    for (std::size_t i = 0; i < count; ++i) {
      request.derivative_variables.push_back(
          static_cast<Eigen::Index>(read_number(take(), 1, request.variables.size())) - 1);
    }
  }

  [[nodiscard]] bool is_next(const std::string& tag) const {
    return !is_at_end() && entries_[next_].tag == tag;
  }

  /// @pre there is one
  const Entry& take() { return entries_[next_++]; }

  /// The number of a block's lines, which must be there.
  std::size_t read_count(const std::string& tag) {
    if (!is_next(tag)) {
      refuse(is_at_end()
                 ? fmt::format("it ends where the number of {} should stand", tag)
                 : fmt::format("line {}: expected the number of {}, found {}", entries_[next_].line,
                               tag, quoted(entries_[next_].value + " " + entries_[next_].tag)));
    }
    const Entry& entry = take();
    const auto count = parse_count(entry.value);
    if (!count) {
      refuse(fmt::format("line {}: expected the number of {}, found {}", entry.line, tag,
                         quoted(entry.value)));
    }
    if (*count > entries_.size() - next_) {
      refuse(fmt::format("line {}: {} {} are announced, and {} lines follow", entry.line, *count,
                         tag, entries_.size() - next_));
    }
    return *count;
  }

  static std::uint64_t read_number(const Entry& entry, std::uint64_t lowest,
                                   std::uint64_t highest) {
    const auto number = parse_count(entry.value);
    if (!number || *number < lowest || *number > highest) {
      refuse(fmt::format("line {}: expected a whole number from {} to {} for {}, found {}",
                         entry.line, lowest, highest, quoted(entry.tag), quoted(entry.value)));
    }
    return *number;
  }

  BlockNames names_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;
};

const Json& member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) {
    refuse(fmt::format("expected a list \"{}\"", name));
  }
  return *found;
}

std::string label_in(const Json& item, const char* list) {
  if (!item.is_object() || !item.contains("label") || !item.at("label").is_string()) {
    refuse(fmt::format(R"(expected a "label" in each of "{}", found {})", list, quoted_json(item)));
  }
  return item.at("label").get<std::string>();
}

int number_between(const Json& value, const char* what, std::size_t lowest, std::size_t highest) {
  const bool is_whole = value.is_number_integer() && value >= lowest && value <= highest;
  if (!is_whole) {
    refuse(fmt::format("expected a whole number from {} to {} in \"{}\", found {}", lowest, highest,
                       what, quoted_json(value)));
  }
  return value.get<int>();
}

Request json_request(const Json& object) {
  if (!object.is_object()) {
    refuse(fmt::format("expected a JSON object, found {}", quoted_json(object)));
  }
  Request request;
  const Json& variables = member(object, "variables");
  request.values.resize(static_cast<Eigen::Index>(variables.size()));
  for (const Json& item : variables) {
    const std::string label = label_in(item, "variables");
    const auto value = item.contains("value") ? number_in(item.at("value")) : std::nullopt;
    if (!value) {
      refuse(fmt::format("expected a number for the variable {}, found {}", quoted(label),
                         quoted_json(item)));
    }
    request.values[static_cast<Eigen::Index>(request.variables.size())] = *value;
    request.variables.push_back(label);
  }
  for (const Json& item : member(object, "responses")) {
    request.responses.push_back(label_in(item, "responses"));
    request.active_set.push_back(
        number_between(item.value("active_set", Json(wants_value)), "active_set", 0, 7));
  }
  if (object.contains("derivative_variables")) {
    for (const Json& item : member(object, "derivative_variables")) {
      request.derivative_variables.push_back(
          number_between(item, "derivative_variables", 1, request.variables.size()) - 1);
    }
  } else {
    derive_by_all(request);
  }
  if (const auto id = object.find("eval_id"); id != object.end()) {
    request.evaluation_id = id->is_string() ? id->get<std::string>() : id->dump();
  }
  if (object.contains("metadata")) {
    for (const Json& item : member(object, "metadata")) {
      request.metadata.push_back(item.is_string() ? item.get<std::string>() : item.dump());
    }
  }
  return request;
}

ParameterFile json_file(const std::string& text) {
  const Json root = parse_json(text);
  if (root.is_discarded()) {
    refuse("it is no JSON, or ends in the middle of it");
  }
  ParameterFile file{.format = ParametersFormat::json, .is_batch = root.is_array(), .requests = {}};
  if (!file.is_batch) {
    file.requests.push_back(json_request(root));
  } else {
    for (const Json& item : root) {
      file.requests.push_back(json_request(item));
    }
  }
  return file;
}

/// By how it begins: `[`, `{ "` and `{ }` are JSON, other braces aprepro.
ParametersFormat format_of(const std::string& text) {
  const std::size_t first = text.find_first_not_of(blanks);
  const std::size_t second = text.find_first_not_of(blanks, first + 1);
  if (text[first] == '[') {
    return ParametersFormat::json;
  }
  if (text[first] != '{') {
    return ParametersFormat::standard;
  }
  const bool is_json = second == std::string::npos || text[second] == '"' || text[second] == '}';
  return is_json ? ParametersFormat::json : ParametersFormat::aprepro;
}

/// Labels name things: no two of a file are the same.
void refuse_repeated(const std::vector<std::string>& labels, const char* what) {
  std::set<std::string> seen;
  for (const std::string& label : labels) {
    if (!label.empty() && !seen.insert(label).second) {
      refuse(fmt::format("there are two {} {}", what, quoted(label)));
    }
  }
}

}  // namespace

ParameterFile parse_parameter_file(const std::string& text) {
  if (trimmed(text).empty()) {
    refuse("it is empty");
  }
  const ParametersFormat format = format_of(text);
  ParameterFile file;
  if (format == ParametersFormat::json) {
    file = json_file(text);
  } else {
    file.format = format;
    Blocks blocks(text, format == ParametersFormat::aprepro);
    do {
      file.requests.push_back(blocks.read_request());
    } while (!blocks.is_at_end());
    file.is_batch = file.requests.size() > 1;
  }
  for (const Request& request : file.requests) {
    refuse_repeated(request.variables, "variables");
    refuse_repeated(request.responses, "responses");
  }
  return file;
}

}  // namespace invar::dakota
