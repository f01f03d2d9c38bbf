#include <functional>

#include <fmt/format.h>

#include "dakota/json.hpp"
#include "dakota/number.hpp"
#include "dakota/parameter_file.hpp"

namespace invar::dakota {
namespace {

/// What the two formats of lines say, in order: values with their tags.
class Lines {
 public:
  explicit Lines(bool is_aprepro) : is_aprepro_(is_aprepro) {}

  /// A line whose tag has another name in the other format.
  void add(const std::string& value, const std::string& tag, const std::string& aprepro_tag) {
    text_ += is_aprepro_ ? fmt::format("{:20}{{ {:<15} = {:>22} }}\n", "", aprepro_tag, value)
                         : fmt::format("{:>43} {}\n", value, tag);
  }
  void add(const std::string& value, const std::string& tag) { add(value, tag, tag); }
  void add(std::size_t count, const std::string& tag, const std::string& aprepro_tag) {
    add(std::to_string(count), tag, aprepro_tag);
  }

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  bool is_aprepro_;
  std::string text_;
};

std::string lines(bool is_aprepro, const Request& request) {
  Lines all(is_aprepro);
  all.add(request.variables.size(), "variables", "DAKOTA_VARS");
  for (std::size_t i = 0; i < request.variables.size(); ++i) {
    all.add(exact(request.values[static_cast<Eigen::Index>(i)]), request.variables[i]);
  }
  all.add(request.responses.size(), "functions", "DAKOTA_FNS");
  for (std::size_t i = 0; i < request.responses.size(); ++i) {
    all.add(std::to_string(request.active_set[i]),
            fmt::format("ASV_{}:{}", i + 1, request.responses[i]));
  }
  all.add(request.derivative_variables.size(), "derivative_variables", "DAKOTA_DER_VARS");
  for (std::size_t i = 0; i < request.derivative_variables.size(); ++i) {
    const Eigen::Index variable = request.derivative_variables[i];
    all.add(std::to_string(variable + 1),
            fmt::format("DVV_{}:{}", i + 1, request.variables[static_cast<std::size_t>(variable)]));
  }
  all.add(0, "analysis_components", "DAKOTA_AN_COMPS");
  all.add(request.evaluation_id, "eval_id", "DAKOTA_EVAL_ID");
  all.add(0, "metadata", "DAKOTA_METADATA");
  return all.text();
}

/// By hand, so that every number is written as a real one with all its digits.
std::string json(const Request& request) {
  const auto text = [](const std::string& plain) { return nlohmann::json(plain).dump(); };
  const auto list = [](std::size_t size, const std::function<std::string(std::size_t)>& item) {
    std::string items = "[";
    for (std::size_t i = 0; i < size; ++i) {
      items += (i == 0 ? "\n    " : ",\n    ") + item(i);
    }
    return items + "]";
  };
  return fmt::format(
      "{{\n  \"variables\": {},\n  \"responses\": {},\n  \"derivative_variables\": {},\n"
      "  \"analysis_components\": [],\n  \"eval_id\": {},\n  \"metadata\": []\n}}\n",
      list(request.variables.size(),
           [&](std::size_t i) {
             return fmt::format(R"({{"label": {}, "value": {}}})", text(request.variables[i]),
                                exact(request.values[static_cast<Eigen::Index>(i)]));
           }),
      list(request.responses.size(),
           [&](std::size_t i) {
             return fmt::format(R"({{"label": {}, "active_set": {}}})", text(request.responses[i]),
                                request.active_set[i]);
           }),
      list(request.derivative_variables.size(),
           [&](std::size_t i) { return std::to_string(request.derivative_variables[i] + 1); }),
      text(request.evaluation_id));
}

}  // namespace

std::string qoi_label(Eigen::Index index) {
  return fmt::format("qoi_{}", index + 1);
}

std::string parameter_file(ParametersFormat format, const Request& request) {
  return format == ParametersFormat::json ? json(request)
                                          : lines(format == ParametersFormat::aprepro, request);
}

std::string batch_file(ParametersFormat format, const std::vector<Request>& requests) {
  const bool is_json = format == ParametersFormat::json;
  std::string text;
  for (const Request& request : requests) {
    text += is_json && !text.empty() ? "," : "";
    text += parameter_file(format, request);
  }
  return is_json ? "[" + text + "]\n" : text;
}

}  // namespace invar::dakota
