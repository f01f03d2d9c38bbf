#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/json.hpp"
#include "dakota/number.hpp"
#include "dakota/results_file.hpp"

namespace invar::dakota {
namespace {

using Json = nlohmann::ordered_json;

/// "model_failed: no mesh", on one line.
std::string reason_of(const model::ModelResult& result) {
  constexpr std::size_t longest = 1000;
  return fmt::format("{}: {}", core::status_name(result.status),
                     shortened(result.message, longest));
}

/// Whether a reader of words takes it for the label behind a number.
bool is_safe_label(const std::string& label) {
  return !label.empty() && label.find_first_of(" \t\r\n\v\f[]#") == std::string::npos &&
         std::isdigit(static_cast<unsigned char>(label[0])) == 0 && !parse_number(label);
}

std::string joined_row(const Eigen::MatrixXd& matrix, Eigen::Index row, const char* separator) {
  std::string text;
  for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
    text += (j == 0 ? "" : separator) + exact(matrix(row, j));
  }
  return text;
}

/// Says every response whose entry of the active set has the bit.
template <class Say>
void for_each_wanted(const Request& request, int bit, const Say& say) {
  for (std::size_t i = 0; i < request.responses.size(); ++i) {
    if ((request.active_set[i] & bit) != 0) {
      say(request.responses[i], static_cast<Eigen::Index>(i));
    }
  }
}

std::string standard_part(const Answer& answer) {
  const Request& request = answer.request;
  const model::ModelResult& result = answer.result;
  if (!result.is_ok()) {
    return fmt::format("FAIL {}\n", reason_of(result));
  }
  std::string text;
  for_each_wanted(request, wants_value, [&](const std::string& label, Eigen::Index i) {
    text += fmt::format("{:>24}{}\n", exact(result.qois[i]),
                        is_safe_label(label) ? " " + label : std::string());
  });
  for_each_wanted(request, wants_gradient, [&](const std::string& /*label*/, Eigen::Index i) {
    text += fmt::format("[ {} ]\n", joined_row(result.jacobian, i, " "));
  });
  for (const std::string& name : request.metadata) {
    text += fmt::format("{:>24}{}\n", "nan", is_safe_label(name) ? " " + name : std::string());
  }
  return text;
}

/// By hand, so that every number is written as a real one with all its digits.
std::string json_part(const Answer& answer) {
  const Request& request = answer.request;
  const model::ModelResult& result = answer.result;
  const auto text_of = [](const std::string& text) {
    return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
  };
  // Older files have no labels; Dakota's own are these.
  const auto key = [&](const std::string& label, Eigen::Index i) {
    return text_of(label.empty() ? fmt::format("response_fn_{}", i + 1) : label);
  };
  if (!result.is_ok()) {
    return fmt::format(R"({{"fail": true, "message": {}}})", text_of(reason_of(result)));
  }
  std::string functions;
  for_each_wanted(request, wants_value, [&](const std::string& label, Eigen::Index i) {
    functions += fmt::format("{}\n    {}: {}", functions.empty() ? "" : ",", key(label, i),
                             exact(result.qois[i]));
  });
  std::string gradients;
  for_each_wanted(request, wants_gradient, [&](const std::string& label, Eigen::Index i) {
    gradients += fmt::format("{}\n    {}: [{}]", gradients.empty() ? "" : ",", key(label, i),
                             joined_row(result.jacobian, i, ", "));
  });
  std::string metadata;
  for (const std::string& name : request.metadata) {
    metadata += fmt::format("{}\n    {}: \"nan\"", metadata.empty() ? "" : ",", text_of(name));
  }
  std::string text = fmt::format("{{\n  \"functions\": {{{}}}", functions);
  text += gradients.empty() ? "" : fmt::format(",\n  \"gradients\": {{{}}}", gradients);
  text += metadata.empty() ? "" : fmt::format(",\n  \"metadata\": {{{}}}", metadata);
  return text + "\n}";
}

}  // namespace

std::string results_file(ResultsFormat format, const std::vector<Answer>& answers, bool is_batch) {
  const bool is_json = format == ResultsFormat::json;
  std::string text = is_json && is_batch ? "[" : "";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (is_json) {
      text += (i > 0 ? ",\n" : "") + json_part(answers[i]);
    } else {
      text += (i > 0 ? "#\n" : "") + standard_part(answers[i]);
    }
  }
  return text + (is_json ? (is_batch ? "]\n" : "\n") : "");
}

}  // namespace invar::dakota
