#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/json.hpp"
#include "dakota/number.hpp"
#include "dakota/results_file.hpp"

namespace invar::dakota {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<double>>;

/// What is between blanks; a bracket is a word of its own.
std::vector<std::string> words(const std::string& text) {
  constexpr const char* blanks = " \t\r\n\v\f";
  constexpr const char* ends = " \t\r\n\v\f[]";
  std::vector<std::string> found;
  std::size_t end = 0;
  for (std::size_t begin = text.find_first_not_of(blanks); begin != std::string::npos;
       begin = text.find_first_not_of(blanks, end)) {
    end = std::max(std::min(text.find_first_of(ends, begin), text.size()), begin + 1);
    found.push_back(text.substr(begin, end - begin));
  }
  return found;
}

model::ModelResult failed(const std::string& reason) {
  return {.status = Status::model_failed,
          .message =
              reason.empty() ? "the program said that it failed" : "the program said: " + reason};
}

model::ModelResult as_result(const std::vector<double>& values, const Rows& gradients,
                             const Expected& expected) {
  if (static_cast<Eigen::Index>(values.size()) != expected.num_qois) {
    return bad_output(
        fmt::format("expected {} numbers, found {}", expected.num_qois, values.size()));
  }
  const Eigen::Index num_gradients = expected.num_derivatives > 0 ? expected.num_qois : 0;
  if (static_cast<Eigen::Index>(gradients.size()) != num_gradients) {
    return bad_output(
        fmt::format("expected {} gradients, found {}", num_gradients, gradients.size()));
  }
  model::ModelResult result;
  result.qois = Eigen::Map<const Eigen::VectorXd>(values.data(), expected.num_qois);
  result.jacobian.resize(num_gradients, num_gradients > 0 ? expected.num_derivatives : 0);
  for (Eigen::Index i = 0; i < num_gradients; ++i) {
    const auto& row = gradients[static_cast<std::size_t>(i)];
    if (static_cast<Eigen::Index>(row.size()) != expected.num_derivatives) {
      return bad_output(fmt::format("gradient {}: expected {} numbers, found {}", i + 1,
                                    expected.num_derivatives, row.size()));
    }
    result.jacobian.row(i) =
        Eigen::Map<const Eigen::RowVectorXd>(row.data(), expected.num_derivatives);
  }
  return result;
}

/// Sorts items by labels where these are ours.
template <class Item>
std::vector<Item> in_our_order(const std::vector<std::string>& labels,
                               const std::vector<Item>& items) {
  std::vector<Item> sorted;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto found =
        std::find(labels.begin(), labels.end(), qoi_label(static_cast<Eigen::Index>(i)));
    if (found == labels.end()) {
      return items;
    }
    sorted.push_back(items[static_cast<std::size_t>(found - labels.begin())]);
  }
  return sorted;
}

/// Something in a file is not as it should be.
struct Unreadable {
  std::string message;
};

double number_of(const std::string& label, const Json& entry) {
  const auto value = number_in(entry);
  if (!value) {
    throw Unreadable{
        fmt::format("expected a number for {}, found {}", quoted(label), quoted_json(entry))};
  }
  return *value;
}

std::vector<double> numbers_of(const std::string& label, const Json& entry) {
  if (!entry.is_array()) {
    throw Unreadable{fmt::format("expected a list of numbers for {}, found {}", quoted(label),
                                 quoted_json(entry))};
  }
  std::vector<double> numbers;
  for (const Json& item : entry) {
    numbers.push_back(number_of(label, item));
  }
  return numbers;
}

/// The items of a list, or of an object with labels.
template <class Item>
std::vector<Item> read_items(const Json& list, Item (*read)(const std::string&, const Json&)) {
  std::vector<std::string> labels;
  std::vector<Item> items;
  for (const auto& [label, entry] : list.items()) {
    labels.push_back(label);
    items.push_back(read(label, entry));
  }
  return in_our_order(labels, items);
}

}  // namespace

model::ModelResult bad_output(std::string message) {
  return {.status = Status::bad_output, .message = std::move(message)};
}

model::ModelResult parse_standard_results(const std::string& text, const Expected& expected) {
  const std::vector<std::string> all = words(text);
  if (!all.empty() && lower_case(all[0]).starts_with("fail")) {
    return failed(shortened(text.substr(text.find(all[0]))));
  }
  std::vector<double> values;
  Rows gradients;
  bool may_be_label = false;
  bool is_in_gradient = false;
  for (const std::string& word : all) {
    const bool begins = !is_in_gradient && expected.num_derivatives > 0 && word == "[";
    if (begins || (is_in_gradient && word == "]")) {
      is_in_gradient = begins;
      may_be_label = false;
      if (begins) {
        gradients.emplace_back();
      }
      continue;
    }
    const auto value = parse_number(word);
    const bool looks_like_label =
        std::isalpha(static_cast<unsigned char>(word[0])) != 0 || word[0] == '_';
    if (value && (is_in_gradient || gradients.empty())) {
      (is_in_gradient ? gradients.back() : values).push_back(*value);
    } else if (!may_be_label || !looks_like_label) {
      return bad_output(fmt::format("expected a number{}, found {}",
                                    may_be_label ? " or a label" : "", quoted(word)));
    }
    may_be_label = value.has_value() && !is_in_gradient;
  }
  return is_in_gradient ? bad_output("it ends in the middle of a gradient")
                        : as_result(values, gradients, expected);
}

model::ModelResult parse_json_results(const std::string& text, const Expected& expected) {
  const Json root = parse_json(text);
  if (root.is_discarded() || !root.is_object()) {
    return bad_output(
        fmt::format("expected a JSON object, found {}", text.empty() ? "nothing" : quoted(text)));
  }
  if (const auto fail = root.find("fail");
      fail != root.end() &&
      (*fail == true || (fail->is_string() && lower_case(fail->get<std::string>()) == "true"))) {
    const auto message = root.find("message");
    return failed(message != root.end() && message->is_string()
                      ? shortened(message->get<std::string>())
                      : "");
  }
  const auto list = [&root](const char* name, bool must_be) -> const Json& {
    static const Json none = Json::array();
    const auto found = root.find(name);
    if (found == root.end() && !must_be) {
      return none;
    }
    if (found == root.end() || !(found->is_object() || found->is_array())) {
      throw Unreadable{fmt::format("expected numbers under \"{}\"", name)};
    }
    return *found;
  };
  try {
    const Rows gradients =
        expected.num_derivatives > 0 ? read_items(list("gradients", false), numbers_of) : Rows{};
    return as_result(read_items(list("functions", true), number_of), gradients, expected);
  } catch (const Unreadable& problem) {
    return bad_output(problem.message);
  }
}

std::vector<std::string> split_batch(ResultsFormat format, const std::string& text) {
  std::vector<std::string> parts;
  if (format == ResultsFormat::json) {
    const Json root = parse_json(text);
    if (!root.is_array()) {
      return {text};
    }
    for (const Json& item : root) {
      parts.push_back(item.dump());
    }
    return parts;
  }
  std::string part;
  bool has_mark = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (text[begin] != '#') {
      part.append(text, begin, end - begin);
    } else {
      // What stands before the first mark is a part unless it is blank.
      if (has_mark || part.find_first_not_of(" \t\r\n") != std::string::npos) {
        parts.push_back(part);
      }
      part.clear();
      has_mark = true;
    }
    begin = end;
  }
  parts.push_back(std::move(part));
  return parts;
}

}  // namespace invar::dakota
