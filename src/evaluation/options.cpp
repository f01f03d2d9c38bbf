#include "invar/evaluation/options.hpp"

#include <limits>
#include <string>

#include "invar/evaluation/time_limit.hpp"

namespace invar::evaluation {
namespace {

constexpr double largest_int = std::numeric_limits<int>::max();

std::string concurrency_text(const EvaluationOptions& values) {
  return values.concurrency ? std::to_string(*values.concurrency) : "auto";
}

options::Node read_concurrency(const options::Cursor& at, EvaluationOptions& target) {
  const bool is_scalar = at.present() && at.node->kind == options::Node::Kind::scalar;
  if (is_scalar && options::normalized(at.node->scalar) == "auto") {
    target.concurrency.reset();
  } else if (at.present()) {
    // Read with a reader of its own: the allowed values include a word.
    options::Reader reader(at.reader->files());
    options::Cursor number = at;
    number.reader = &reader;
    const auto value = read_integer(number, options::Range::between(1, largest_int));
    if (value) {
      target.concurrency = static_cast<int>(*value);
    } else {
      at.problem("expected auto or a whole number >= 1, found " + at.node->description());
    }
  }
  return options::Node::make_scalar(concurrency_text(target));
}

options::Row<EvaluationOptions> concurrency_row() {
  return {.key = "concurrency",
          .type = "auto or whole number",
          .help = "largest number of model runs at a time; auto uses every group of ranks",
          .allowed = "auto, >= 1",
          .read = read_concurrency,
          .default_text = concurrency_text};
}

options::Node read_deadline(const options::Cursor& at, EvaluationOptions& target) {
  const auto text = options::read_text(at);
  if (text && options::normalized(*text) == "none") {
    target.deadline.reset();
  } else if (text && !parse_moment(*text)) {
    at.problem(
        "expected a moment such as 2026-11-22T08:00:00 (local time; UTC with a Z) or none, "
        "found " +
        at.node->description());
  } else if (text) {
    target.deadline = text;
  }
  return target.deadline ? options::Node::make_text(*target.deadline) : options::Node{};
}

options::Row<EvaluationOptions> deadline_row() {
  return {.key = "deadline",
          .type = "moment or none",
          .help =
              "when the program has to be gone, in local time or with a Z; near it nothing is "
              "started that would hardly finish, then all is saved and the exit code is 75",
          .allowed = "YYYY-MM-DDTHH:MM:SS",
          .read = read_deadline,
          .default_text = [](const EvaluationOptions&) { return std::string("none"); }};
}

}  // namespace

const options::Table<EvaluationOptions>& evaluation_table() {
  using options::Range;
  static const options::Table<EvaluationOptions> table({
      concurrency_row(),
      options::integer("ranks_per_model", &EvaluationOptions::ranks_per_model,
                       Range::between(1, 1000000),
                       "ranks that run the model together; rank 0 is never one of them"),
      options::optional_real(
          "timeout_s", &EvaluationOptions::timeout_s, Range::above(0),
          "a run that takes longer has failed: its group is written off (needs two "
          "ranks or more), or its process killed with `model.isolation: process`",
          "s"),
      options::integer(
          "retries", &EvaluationOptions::retries, Range::between(0, 1000),
          "how often a failed run is tried again, on another group where there is one"),
      options::choice("on_failure", &EvaluationOptions::on_failure,
                      {{OnFailure::drop, "drop", {}}, {OnFailure::stop, "stop", {}}},
                      "what to do about a run that failed at every attempt"),
      options::real("failure_budget", &EvaluationOptions::failure_budget, Range::between(0, 1),
                    "largest failed share of a batch; beyond it the campaign ends"),
      deadline_row(),
      options::boolean(
          "run_ahead", &EvaluationOptions::run_ahead,
          "groups that would be idle run points that the method may ask next (`run_vi`: the "
          "smaller step of its line search; `regression_vi`: more of its first runs, batches of "
          "other starts, shorter steps of its search); such a run counts only when that very point "
          "is asked for"),
  });
  return table;
}

}  // namespace invar::evaluation
