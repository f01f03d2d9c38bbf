#include <nlohmann/json.hpp>

#include "doctor/report.hpp"
#include "doctor/results_json.hpp"

namespace invar::doctor {

using nlohmann::json;

NLOHMANN_JSON_SERIALIZE_ENUM(Severity, {{Severity::note, "note"},
                                        {Severity::remark, "remark"},
                                        {Severity::serious, "not fit"}})

// Found by nlohmann::json.
static void to_json(json& to, const Mishap& mishap) {
  to = {{"check", mishap.check}, {"has_hung", mishap.has_hung}, {"message", mishap.message}};
}

static void to_json(json& to, const SizeDifference& size) {
  to = {{"num_ranks", size.num_ranks}, {"difference", size.difference}};
}

static void to_json(json& to, const Timing& timing) {
  to = {{"num_ranks", timing.num_ranks},
        {"num_runs", timing.num_runs},
        {"median_s", timing.median},
        {"quartiles_s", {timing.low, timing.high}},
        {"longest_s", timing.most},
        {"efficiency", timing.efficiency},
        {"runs_per_hour", timing.runs_per_hour},
        {"is_oversubscribed", timing.is_oversubscribed}};
}

static void to_json(json& to, const Recommendation& advice) {
  to = {{"num_ranks", advice.num_ranks},
        {"ranks_per_model",
         advice.ranks_per_model > 0 ? json(advice.ranks_per_model) : json(nullptr)},
        {"gain", advice.gain},
        {"is_clear", advice.is_clear}};
}

static void to_json(json& to, const Finding& finding) {
  to = {{"severity", finding.severity}, {"text", finding.text}};
}

template <class Value>
static json or_null(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

static void to_json(json& to, const GroupReport& group) {
  json repetition = or_null(group.repetition);
  if (group.repetition) {
    for (json& outcome : repetition["outcomes"]) {
      outcome.erase("qois");
    }
  }
  to = {{"num_ranks", group.num_ranks},
        {"is_reference", group.is_reference},
        {"problem", group.problem},
        {"mishaps", group.mishaps},
        {"repetition", std::move(repetition)}};
  if (group.is_reference) {
    to["sensitivity"] = or_null(group.sensitivity);
    to["derivatives"] = or_null(group.derivatives);
    to["leaks"] = or_null(group.leaks);
    to["hostile"] = group.hostile;
    to["num_hostile_left_out"] = group.num_hostile_left_out;
    for (json& run : to["hostile"]) {
      run["outcome"].erase("qois");
    }
  }
}

std::string report_json(const Report& report) {
  const json text = {{"study", report.study},
                     {"model", report.model_type},
                     {"parameters", report.parameter_names},
                     {"num_observations", report.num_observations},
                     {"num_draws", report.num_draws},
                     {"num_cores", report.num_cores},
                     {"ranks_per_model", report.ranks_per_model},
                     {"run_limit_s", report.run_limit_s},
                     {"groups", report.groups},
                     {"between_sizes", report.between_sizes},
                     {"timings", report.timings},
                     {"recommendation", report.recommendation},
                     {"findings", report.findings},
                     {"verdict", verdict_in_words(report.verdict)},
                     {"seconds", report.seconds}};
  return text.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace invar::doctor
