#include "model_process/parameter_file.hpp"

#include <functional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace invar::model_process {
namespace {

std::string exact(double value) {
  return fmt::format("{:.16e}", value);
}

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

std::string lines(bool is_aprepro, const Inputs& inputs) {
  Lines all(is_aprepro);
  all.add(inputs.names.size(), "variables", "DAKOTA_VARS");
  for (std::size_t i = 0; i < inputs.names.size(); ++i) {
    all.add(exact(inputs.parameters[static_cast<Eigen::Index>(i)]), inputs.names[i]);
  }
  all.add(static_cast<std::size_t>(inputs.num_qois), "functions", "DAKOTA_FNS");
  for (Eigen::Index i = 0; i < inputs.num_qois; ++i) {
    all.add("1", fmt::format("ASV_{}:{}", i + 1, qoi_label(i)));
  }
  all.add(inputs.names.size(), "derivative_variables", "DAKOTA_DER_VARS");
  for (std::size_t i = 0; i < inputs.names.size(); ++i) {
    all.add(std::to_string(i + 1), fmt::format("DVV_{}:{}", i + 1, inputs.names[i]));
  }
  all.add(0, "analysis_components", "DAKOTA_AN_COMPS");
  all.add(inputs.evaluation_id, "eval_id", "DAKOTA_EVAL_ID");
  all.add(0, "metadata", "DAKOTA_METADATA");
  return all.text();
}

/// By hand, so that every number is written as a real one with all its digits.
std::string json(const Inputs& inputs) {
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  const auto list = [](std::size_t size, const std::function<std::string(std::size_t)>& item) {
    std::string text = "[";
    for (std::size_t i = 0; i < size; ++i) {
      text += (i == 0 ? "\n    " : ",\n    ") + item(i);
    }
    return text + "]";
  };
  return fmt::format(
      "{{\n  \"variables\": {},\n  \"responses\": {},\n  \"derivative_variables\": {},\n"
      "  \"analysis_components\": [],\n  \"eval_id\": {},\n  \"metadata\": []\n}}\n",
      list(inputs.names.size(),
           [&](std::size_t i) {
             return fmt::format(R"({{"label": {}, "value": {}}})", quoted(inputs.names[i]),
                                exact(inputs.parameters[static_cast<Eigen::Index>(i)]));
           }),
      list(static_cast<std::size_t>(inputs.num_qois),
           [&](std::size_t i) {
             return fmt::format(R"({{"label": "{}", "active_set": 1}})",
                                qoi_label(static_cast<Eigen::Index>(i)));
           }),
      list(inputs.names.size(), [](std::size_t i) { return std::to_string(i + 1); }),
      quoted(inputs.evaluation_id));
}

}  // namespace

std::string qoi_label(Eigen::Index index) {
  return fmt::format("qoi_{}", index + 1);
}

std::string parameter_file(ParametersFormat format, const Inputs& inputs) {
  return format == ParametersFormat::json ? json(inputs)
                                          : lines(format == ParametersFormat::aprepro, inputs);
}

}  // namespace invar::model_process
