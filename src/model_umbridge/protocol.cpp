#include "model_umbridge/protocol.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "invar/core/json_text.hpp"

namespace invar::model_umbridge {
namespace {

using Eigen::Index;
using nlohmann::json;

/// What some servers write for numbers that JSON does not have.
constexpr std::array<std::string_view, 6> not_numbers = {"NaN",       "-NaN",     "nan",
                                                         "-Infinity", "Infinity", "inf"};

bool is_not_a_number(const json& value) {
  return value.is_string() && std::find(not_numbers.begin(), not_numbers.end(),
                                        value.get_ref<const std::string&>()) != not_numbers.end();
}

/// The beginning of a text, for messages.
std::string excerpt(const std::string& text) {
  constexpr std::size_t longest = 80;
  std::string shown = text.substr(0, longest);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.empty() ? "nothing" : "`" + shown + (text.size() > longest ? "...`" : "`");
}

Reply failure(Status status, std::string message) {
  return {.status = status, .message = std::move(message), .body = {}};
}

Reply parse(const std::string& text) {
  if (core::json_depth(text) > core::greatest_json_depth) {
    return failure(Status::bad_output,
                   fmt::format("expected an answer of the protocol, found {}", excerpt(text)));
  }
  try {
    Reply reply;
    reply.body = json::parse(text, nullptr, false);
    if (reply.body.is_discarded()) {
      reply.body = json::parse(core::with_quoted_words(text, not_numbers));
    }
    return reply;
  } catch (const json::out_of_range&) {
    return failure(Status::non_finite, "the answer has a number beyond the range of doubles");
  } catch (const json::exception&) {
    return failure(Status::bad_output,
                   fmt::format("expected JSON from the server, found {}", excerpt(text)));
  }
}

/// "type: message" of an error object; none where it is no such object.
std::optional<std::string> error_text(const json& body) {
  const auto error = body.is_object() ? body.find("error") : body.end();
  if (!body.is_object() || error == body.end() || !error->is_object()) {
    return std::nullopt;
  }
  const auto field = [&](const char* name) {
    const auto at = error->find(name);
    return at != error->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  const std::string type = field("type");
  const std::string message = field("message");
  if (type.empty() && message.empty()) {
    return std::nullopt;
  }
  return type + (type.empty() || message.empty() ? "" : ": ") + message;
}

Reply judge_error(const Answer& answer) {
  constexpr int bad_gateway = 502;
  constexpr int gateway_timeout = 504;
  constexpr int server_error = 500;
  const int code = answer.http_status;
  const auto text = error_text(parse(answer.body).body);
  if (code >= bad_gateway && code <= gateway_timeout) {
    return failure(Status::transport, fmt::format("the server answered HTTP {}: {}", code,
                                                  text ? *text : excerpt(answer.body)));
  }
  if (text) {
    return failure(Status::model_failed, *text);
  }
  if (code >= server_error) {
    return failure(Status::model_failed,
                   answer.said.empty()
                       ? fmt::format("the server answered HTTP {} and gave no reason", code)
                       : answer.said);
  }
  return failure(Status::bad_output,
                 fmt::format("the server answered HTTP {}: {}", code, excerpt(answer.body)));
}

/// Appends the numbers of a list of `size`; what is wrong with it, or "".
Numbers take(const json& values, Index size, Numbers numbers, Index& taken) {
  const auto wrong = [](Status status, std::string message) {
    return Numbers{.status = status, .message = std::move(message), .values = {}};
  };
  if (!values.is_array()) {
    return wrong(Status::bad_output,
                 fmt::format("expected a list of {} numbers, found {}", size, values.type_name()));
  }
  if (static_cast<Index>(values.size()) != size) {
    return wrong(Status::bad_output,
                 fmt::format("expected {} numbers, found {}", size, values.size()));
  }
  std::optional<std::string> non_finite;
  for (const json& value : values) {
    if (value.is_number()) {
      numbers.values[taken] = value.get<double>();
    } else if (is_not_a_number(value)) {
      non_finite = non_finite.value_or(fmt::format("number {} of the answer is {} (counted from 0)",
                                                   taken, value.get<std::string>()));
    } else {
      return wrong(
          Status::bad_output,
          fmt::format("number {} of the answer is {} (counted from 0)", taken,
                      value.is_null()
                          ? "null"
                          : std::string(value.is_array() || value.is_object() ? "an " : "a ") +
                                value.type_name()));
    }
    ++taken;
  }
  return non_finite ? wrong(Status::non_finite, *non_finite) : std::move(numbers);
}

}  // namespace

std::string body_text(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Reply read_reply(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::broken:
      return failure(Status::transport, answer.text);
    case Answer::Kind::late:
      return failure(Status::timeout, answer.text);
    case Answer::Kind::too_long:
      return failure(Status::bad_output, answer.text);
    case Answer::Kind::answered:
      break;
  }
  constexpr int ok = 200;
  if (answer.http_status != ok) {
    return judge_error(answer);
  }
  Reply reply = parse(answer.body);
  if (reply.status == Status::ok && !reply.body.is_object()) {
    return failure(
        Status::bad_output,
        fmt::format("expected a JSON object from the server, found {}", excerpt(answer.body)));
  }
  if (const auto text = error_text(reply.body)) {
    return failure(Status::model_failed, *text);
  }
  return reply;
}

Numbers read_output(const Answer& answer, const std::vector<Index>& sizes, Nesting nesting) {
  Reply reply = read_reply(answer);
  const auto wrong = [](Status status, std::string message) {
    return Numbers{.status = status, .message = std::move(message), .values = {}};
  };
  if (reply.status != Status::ok) {
    return wrong(reply.status, std::move(reply.message));
  }
  const auto output = reply.body.find("output");
  if (output == reply.body.end()) {
    return wrong(Status::bad_output, "the answer has no `output`: " + excerpt(answer.body));
  }
  if (nesting == Nesting::lists && (!output->is_array() || output->size() != sizes.size())) {
    return wrong(Status::bad_output,
                 fmt::format("expected `output` to be {} lists of numbers, found {}", sizes.size(),
                             output->is_array() ? fmt::format("{}", output->size())
                                                : std::string(output->type_name())));
  }
  Index total = 0;
  for (const Index size : sizes) {
    total += size;
  }
  Numbers numbers;
  numbers.values.resize(total);
  Index taken = 0;
  for (std::size_t i = 0; i < sizes.size() && numbers.is_ok(); ++i) {
    const json& values = nesting == Nesting::lists ? (*output)[i] : *output;
    numbers = take(values, sizes[i], std::move(numbers), taken);
  }
  return numbers;
}

json list(const Eigen::Ref<const Eigen::VectorXd>& values) {
  json all = json::array();
  all.get_ref<json::array_t&>().assign(values.begin(), values.end());
  return all;
}

json lists(const Eigen::VectorXd& all, const std::vector<Index>& sizes) {
  json parts = json::array();
  Index begin = 0;
  for (const Index size : sizes) {
    parts.push_back(list(all.segment(begin, size)));
    begin += size;
  }
  return parts;
}

}  // namespace invar::model_umbridge
