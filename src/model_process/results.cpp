#include "model_process/results.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model_process/foreign_text.hpp"
#include "model_process/parameter_file.hpp"

namespace invar::model_process {
namespace {

using Json = nlohmann::ordered_json;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::vector<std::string> words(const std::string& text) {
  constexpr const char* blanks = " \t\r\n\v\f";
  std::vector<std::string> found;
  std::size_t end = 0;
  for (std::size_t begin = text.find_first_not_of(blanks); begin != std::string::npos;
       begin = text.find_first_not_of(blanks, end)) {
    end = std::min(text.find_first_of(blanks, begin), text.size());
    found.push_back(text.substr(begin, end - begin));
  }
  return found;
}

model::ModelResult failed(const std::string& reason) {
  return {.status = Status::model_failed,
          .message =
              reason.empty() ? "the program said that it failed" : "the program said: " + reason};
}

model::ModelResult as_result(const std::vector<double>& values, Eigen::Index num_qois) {
  if (static_cast<Eigen::Index>(values.size()) != num_qois) {
    return bad_output(
        fmt::format("{}: expected {} numbers, found {}", results_name, num_qois, values.size()));
  }
  model::ModelResult result;
  result.qois = Eigen::Map<const Eigen::VectorXd>(values.data(), num_qois);
  return result;
}

/// NaN, Infinity and -Infinity, which Python writes though JSON does not know them, as text.
std::string with_quoted_specials(const std::string& text) {
  std::string mended;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_in_string && text[i] == '\\' && i + 1 < text.size()) {
      mended += text[i++];
    } else if (text[i] == '"') {
      is_in_string = !is_in_string;
    } else if (!is_in_string) {
      const char* found = nullptr;
      for (const char* special : {"NaN", "-Infinity", "Infinity"}) {
        if (found == nullptr && text.compare(i, std::string_view(special).size(), special) == 0) {
          found = special;
        }
      }
      if (found != nullptr) {
        mended += fmt::format("\"{}\"", found);
        i += std::string_view(found).size() - 1;
        continue;
      }
    }
    mended += text[i];
  }
  return mended;
}

std::optional<double> number_in(const Json& value) {
  if (value.is_number()) {
    return value.get<double>();
  }
  return value.is_string() ? parse_number(value.get<std::string>()) : std::nullopt;
}

/// Sorts numbers by labels where these are ours.
std::vector<double> in_our_order(const std::vector<std::string>& labels,
                                 const std::vector<double>& values) {
  std::vector<double> sorted;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto found =
        std::find(labels.begin(), labels.end(), qoi_label(static_cast<Eigen::Index>(i)));
    if (found == labels.end()) {
      return values;
    }
    sorted.push_back(values[static_cast<std::size_t>(found - labels.begin())]);
  }
  return sorted;
}

}  // namespace

std::optional<double> parse_number(std::string_view word) {
  std::string text(word.substr(word.starts_with('+') ? 1 : 0));
  if (text.empty() || text.starts_with('+') || (word.starts_with('+') && text.starts_with('-'))) {
    return std::nullopt;
  }
  const std::string lower = lower_case(text);
  if (lower.find_first_of("ainf") == std::string::npos) {
    std::replace(text.begin(), text.end(), 'D', 'e');
    std::replace(text.begin(), text.end(), 'd', 'e');
  }
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc::invalid_argument || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return problem == std::errc::result_out_of_range ? std::strtod(text.c_str(), nullptr) : value;
}

model::ModelResult bad_output(std::string message) {
  return {.status = Status::bad_output, .message = std::move(message)};
}

model::ModelResult parse_standard_results(const std::string& text, Eigen::Index num_qois) {
  const std::vector<std::string> all = words(text);
  if (!all.empty() && lower_case(all[0]).starts_with("fail")) {
    return failed(shortened(text.substr(text.find(all[0]))));
  }
  std::vector<double> values;
  bool may_be_label = false;
  for (const std::string& word : all) {
    const auto value = parse_number(word);
    const bool looks_like_label =
        std::isalpha(static_cast<unsigned char>(word[0])) != 0 || word[0] == '_';
    if (value) {
      values.push_back(*value);
    } else if (!may_be_label || !looks_like_label) {
      return bad_output(fmt::format("{}: expected a number{}, found {}", results_name,
                                    may_be_label ? " or a label" : "", quoted(word)));
    }
    may_be_label = value.has_value();
  }
  return as_result(values, num_qois);
}

model::ModelResult parse_json_results(const std::string& text, Eigen::Index num_qois) {
  const Json root = Json::parse(with_quoted_specials(text), nullptr, false);
  if (root.is_discarded() || !root.is_object()) {
    return bad_output(fmt::format("{}: expected a JSON object, found {}", results_name,
                                  text.empty() ? "nothing" : quoted(text)));
  }
  if (const auto fail = root.find("fail");
      fail != root.end() &&
      (*fail == true || (fail->is_string() && lower_case(fail->get<std::string>()) == "true"))) {
    return failed("");
  }
  const auto functions = root.find("functions");
  if (functions == root.end() || !(functions->is_object() || functions->is_array())) {
    return bad_output(fmt::format("{}: expected numbers under \"functions\"", results_name));
  }
  std::vector<std::string> labels;
  std::vector<double> values;
  for (const auto& [label, entry] : functions->items()) {
    const auto value = number_in(entry);
    if (!value) {
      return bad_output(
          fmt::format("{}: expected a number for {}, found {}", results_name, quoted(label),
                      quoted(entry.dump(-1, ' ', true, Json::error_handler_t::replace))));
    }
    labels.push_back(label);
    values.push_back(*value);
  }
  return as_result(in_our_order(labels, values), num_qois);
}

}  // namespace invar::model_process
