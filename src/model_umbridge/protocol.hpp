#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>
#include <nlohmann/json.hpp>

#include "invar/core/status.hpp"
#include "model_umbridge/connection.hpp"

namespace invar::model_umbridge {

/// The text of a body that is sent: doubles survive to the bit.
std::string body_text(const nlohmann::json& body);

/// Numbers of an answer, or what is wrong with them.
struct Numbers {
  Status status = Status::ok;
  std::string message = {};
  Eigen::VectorXd values = {};

  [[nodiscard]] bool is_ok() const noexcept { return status == Status::ok; }
};

/// An answer as JSON, or what is wrong with it.
struct Reply {
  Status status = Status::ok;
  std::string message = {};
  nlohmann::json body = {};  // NaN and infinities, which are no JSON, as the texts "NaN", ...
};

/// What an answer says.
///
/// Failure: no answer: transport or timeout; 502, 503 and 504: transport; another error with a
///          reason: model_failed; what is no JSON object: bad_output; a number beyond the doubles:
///          non_finite.
Reply read_reply(const Answer& answer);

/// The field "output" as one list of numbers: several lists of those sizes, or only one.
enum class Nesting { lists, one_list };
Numbers read_output(const Answer& answer, const std::vector<Eigen::Index>& sizes, Nesting nesting);

/// The parts of a vector as a list of lists of those sizes.
nlohmann::json lists(const Eigen::VectorXd& all, const std::vector<Eigen::Index>& sizes);
nlohmann::json list(const Eigen::Ref<const Eigen::VectorXd>& values);

}  // namespace invar::model_umbridge
