#include "app/arguments.hpp"

#include <iterator>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "invar/core/error.hpp"
#include "invar/core/version.hpp"
#include "invar/evaluation/time_limit.hpp"

namespace invar::app {

std::vector<std::string> overrides_of(const Arguments& arguments) {
  std::vector<std::string> overrides = arguments.overrides;
  if (!arguments.petsc.empty()) {
    overrides.push_back(fmt::format("petsc=\"{}\"", fmt::join(arguments.petsc, " ")));
  }
  return overrides;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments parsed;
  std::vector<std::string> own;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--") {
      parsed.petsc.assign(argv + i + 1, argv + argc);
      break;
    }
    own.emplace_back(argv[i]);
  }

  CLI::App app("Infers the parameters of an expensive simulation from noisy measurements.",
               "invar");
  app.footer(
      "What follows `--` goes to PETSc. Under mpirun, rank 0 manages, the others run the model.");
  app.set_version_flag("--version",
                       std::string("invar ") + core::version() + " (" + core::commit() + ")");
  app.require_subcommand(1);
  const auto with_overrides = [&](CLI::App* command) {
    command->add_option("--set", parsed.overrides, "override a key of the study: key=value")
        ->allow_extra_args(false);
  };
  const auto add = [&](const char* name, const char* help, Arguments::Command command) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&parsed, command] { parsed.command = command; });
    return sub;
  };

  const auto with_limits = [&](CLI::App* command) {
    command
        ->add_option("--stop-after", parsed.stop_after, "stop in good order after so many rounds")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000}));
    command
        ->add_option("--time-limit", parsed.time_limit,
                     "be gone by then: seconds, [D-]HH:MM:SS, 12h, or a moment such as "
                     "2026-11-22T08:00:00")
        ->check([](const std::string& text) {
          return evaluation::parse_duration(text) || evaluation::parse_moment(text)
                     ? std::string()
                     : "expected seconds, [D-]HH:MM:SS, a number with s, min, h or d, or a moment "
                       "such as 2026-11-22T08:00:00, found " +
                           text;
        });
  };

  CLI::App* run = add("run", "start a campaign", Arguments::Command::run);
  run->add_option("study", parsed.study, "the study file")->required();
  run->add_option("--campaign", parsed.campaign, "the campaign's directory")
      ->check([](const std::string& name) {
        return name.empty() ? std::string("expected a directory, found nothing") : std::string();
      });
  with_limits(run);
  with_overrides(run);

  CLI::App* resume = add("resume", "continue a campaign, to the bit", Arguments::Command::resume);
  resume->add_option("directory", parsed.directory, "the campaign's directory")->required();
  resume->add_option("--study", parsed.study, "a changed study; what may not change is refused");
  resume->add_flag("--retry-failed", parsed.retry_failed,
                   "run timeouts and crashes of the round under way again");
  with_limits(resume);
  with_overrides(resume);

  CLI::App* check = add("check", "say what is wrong with a study, or what it would run",
                        Arguments::Command::check);
  check->add_option("study", parsed.study, "the study file")->required();
  with_overrides(check);

  CLI::App* explain = add("explain", "explain the keys of a study", Arguments::Command::explain);
  explain->add_option("key", parsed.key, "a key or the beginning of one, such as inference");
  explain->add_flag("--markdown", parsed.is_markdown, "as tables for documents");

  CLI::App* show = add("show", "show a campaign and its posterior", Arguments::Command::show);
  show->add_option("directory", parsed.directory, "the campaign's directory")->required();
  CLI::Option* json = show->add_flag("--json", parsed.is_json, "for programs");
  show->add_flag("--failures", parsed.shows_failures,
                 "how, on which hosts, when and for which parameters runs failed")
      ->excludes(json);

  CLI::App* exported =
      add("export", "write the posterior for other tools, such as ArviZ and xarray",
          Arguments::Command::export_posterior);
  exported->add_option("directory", parsed.directory, "the campaign's directory")->required();
  exported->add_option("--to", parsed.to, "the file, NAME.nc: InferenceData of ArviZ as netCDF4")
      ->required();
  exported->add_flag("--force", parsed.is_forced, "replace the file where there is one");

  CLI::App* pack =
      add("pack", "write campaign.h5 from everything recorded", Arguments::Command::pack);
  pack->add_option("directory", parsed.directory, "the campaign's directory")->required();

  CLI::App* replay = add("replay", "run one recorded evaluation again and compare it, bit for bit",
                         Arguments::Command::replay);
  replay->add_option("directory", parsed.directory, "the campaign's directory")->required();
  replay->add_option("id", parsed.evaluation, "the evaluation's id, as in failed/ and /evaluations")
      ->required()
      ->check([](const std::string& text) {
        const bool is_id = !text.empty() && text.size() <= 18 &&
                           text.find_first_not_of("0123456789") == std::string::npos;
        return is_id ? std::string() : "expected an evaluation's id, a whole number, found " + text;
      });

  CLI::App* serve =
      add("serve", "let UM-Bridge clients run a study's model", Arguments::Command::serve);
  serve->add_option("study", parsed.study, "the study file")->required();
  serve->add_option("--host", parsed.host, "the address to listen on; 0.0.0.0 for all networks")
      ->capture_default_str();
  serve->add_option("--port", parsed.port, "the port to listen on; 0 for any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  with_overrides(serve);

  CLI::App* eval = add("eval", "run the model once, as a driver of Dakota's fork interface",
                       Arguments::Command::eval);
  eval->add_option("parameters", parsed.parameters_file,
                   "Dakota's parameters file: standard, aprepro or JSON; also a batch")
      ->required();
  eval->add_option("results", parsed.results_file, "the results file to write")->required();
  eval->add_option("--study", parsed.study, "the study file whose model it is")->required();
  eval->add_option("--results-format", parsed.results_format,
                   "standard or json; otherwise json where the parameters are")
      ->check(CLI::IsMember({"standard", "json"}));
  with_overrides(eval);

  CLI::App* rescore =
      add("rescore", "answer for another prior, data or noise from the runs there are",
          Arguments::Command::rescore);
  rescore->add_option("directory", parsed.directory, "the campaign's directory")->required();
  rescore->add_option("--study", parsed.study, "the changed study; the campaign's own without it");
  rescore->add_flag("--json", parsed.is_json, "for programs");
  with_overrides(rescore);

  CLI::App* doctor = add("doctor", "say whether the model of a study is fit for a campaign",
                         Arguments::Command::doctor);
  doctor->add_option("study", parsed.study, "the study file")->required();
  doctor->add_option("--points", parsed.points, "draws from the prior, beside its mean")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->capture_default_str();
  doctor->add_option("--calls", parsed.calls, "runs in which leaks are looked for")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000}))
      ->capture_default_str();
  doctor
      ->add_option(
          "--ranks", parsed.ranks,
          "of the planned job; those of mpirun or srun, or one more than cores, without it")
      ->check(CLI::Range(1, 1'000'000));
  doctor
      ->add_option("--time-limit", parsed.time_limit,
                   "of one run: seconds, HH:MM:SS, 10min; evaluation.timeout_s, or 10 minutes, "
                   "without it")
      ->check([](const std::string& text) {
        const auto seconds = evaluation::parse_duration(text);
        return seconds && *seconds > 0 ? std::string()
                                       : "expected seconds, HH:MM:SS or 10min, found " + text;
      });
  doctor
      ->add_option("--launcher", parsed.launcher, "starts the program on k ranks, with -n k added")
      ->check([](const std::string& text) {
        return text.find_first_not_of(' ') == std::string::npos
                   ? std::string("expected a command, found nothing")
                   : std::string();
      })
      ->capture_default_str();
  doctor->add_flag("--json", parsed.is_json, "for programs");
  doctor->add_option("--examine", parsed.examine, "")->expected(2)->group("");
  with_overrides(doctor);

  try {
    std::reverse(own.begin(), own.end());  // the order that CLI11 wants
    app.parse(own);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int status = app.exit(error, out, err);
    parsed.exit_code = status == 0 ? 0 : static_cast<int>(ErrorKind::usage);
    parsed.message = status == 0 ? out.str() : err.str();
  }
  return parsed;
}

}  // namespace invar::app
