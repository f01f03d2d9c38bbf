#include "app/eval_command.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "app/model_process.hpp"
#include "app/run_command.hpp"
#include "app/study_bundle.hpp"
#include "dakota/driver.hpp"
#include "dakota/results_file.hpp"
#include "evaluation/run_model.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/petsc/session.hpp"

namespace invar::app {
namespace {

namespace fs = std::filesystem;
using dakota::Answer;
using dakota::ParameterFile;
using parallel::Comm;

/// A step of work on a file, whose name its errors then have.
template <class Step>
auto about_file(const std::string& path, const Step& step) {
  try {
    return step();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", path, error.what()));
  }
}

ParameterFile read_parameters_on_all(const Comm& world, const std::string& path) {
  std::string text =
      parallel::agree(world, [&] { return world.rank() == 0 ? read_file(path) : std::string(); });
  parallel::broadcast(world, text);
  return parallel::agree(
      world, [&] { return about_file(path, [&] { return dakota::parse_parameter_file(text); }); });
}

/// Sees to it that somebody keeps the study's timeout, on one rank by a process for the model.
void place_model(const Comm& world, LoadedStudy& loaded, std::vector<std::string>& petsc,
                 isolation::ForkServer& forks) {
  campaign::Study& study = loaded.study;
  if (study.model_keeps_timeout) {
    study.evaluation.timeout_s.reset();
  }
  const bool is_isolated =
      study.isolation == campaign::Isolation::process || study.evaluation.timeout_s;
  if (is_isolated && world.size() > 1) {
    throw Error(
        ErrorKind::config,
        fmt::format(
            "{}: cannot be had on {} ranks, which run the model together; start "
            "one, or leave it out (--set {})",
            study.evaluation.timeout_s ? "evaluation.timeout_s" : "model.isolation", world.size(),
            study.evaluation.timeout_s ? "evaluation.timeout_s=none" : "model.isolation=none"));
  }
  if (is_isolated) {
    run_model_in_process(loaded, std::exchange(petsc, {}), forks, [] { return false; });
  } else {
    forks.stop();
  }
}

/// The model on all ranks, and what it is.
struct Placed {
  std::unique_ptr<model::Model> model;
  dakota::ModelFacts facts;
};

Placed make_model(const Comm& world, const Comm& group, const campaign::Study& study) {
  return parallel::agree(world, [&] {
    Placed placed{.model = study.make_model(group.get()), .facts = {}};
    const auto d = study.space.dimension();
    const auto m = study.observations.values.size();
    if (placed.model->num_parameters() != d || placed.model->num_qois() != m) {
      throw Error(
          ErrorKind::config,
          fmt::format("the model has {} parameters and {} QoIs, the study {} parameters and {} "
                      "observations",
                      placed.model->num_parameters(), placed.model->num_qois(), d, m));
    }
    placed.facts = {.parameter_names = study.space.names,
                    .num_qois = m,
                    .capabilities = placed.model->capabilities()};
    return placed;
  });
}

model::ModelResult run(const Comm& world, model::Model& model, const model::ModelRequest& request) {
  if (!request.parameters.allFinite()) {
    return {.status = Status::model_failed,
            .message = "the model was not run: a parameter is not finite"};
  }
  return evaluation::run_model(model, {request}, world).results.front();
}

/// Writes to another name first: nobody ever reads half of it.
void write_results(const fs::path& path, const std::string& text) {
  fs::path draft = path;
  draft += fmt::format(".{}.tmp", ::getpid());
  errno = 0;
  {
    std::ofstream file(draft, std::ios::binary);
    file << text;
    file.close();
    if (file && std::rename(draft.c_str(), path.c_str()) == 0) {
      return;
    }
  }
  const int problem = errno;
  std::error_code ignored;
  fs::remove(draft, ignored);
  throw Error(ErrorKind::io, fmt::format("cannot write `{}`: {}", path.string(),
                                         std::strerror(problem != 0 ? problem : EIO)));
}

dakota::ResultsFormat results_format(const Arguments& arguments, const ParameterFile& file) {
  const bool is_json = arguments.results_format.empty()
                           ? file.format == dakota::ParametersFormat::json
                           : arguments.results_format == "json";
  return is_json ? dakota::ResultsFormat::json : dakota::ResultsFormat::standard;
}

}  // namespace

int eval_command(const parallel::Session& session, const Arguments& arguments,
                 const model::ModelRegistry& registry, isolation::ForkServer& forks) {
  const Comm& world = session.world();
  LoadedStudy loaded = load_study_on_all(world, arguments.study, overrides_of(arguments), registry);
  const ParameterFile file = read_parameters_on_all(world, arguments.parameters_file);
  std::vector<std::string> petsc_options = words_of(loaded.study.petsc);
  parallel::agree(world, [&] { place_model(world, loaded, petsc_options, forks); });

  const Comm group = Comm::duplicate(world.get());
  petsc::PetscSession petsc(group.get(), petsc_options);
  {
    const Placed placed = make_model(world, group, loaded.study);
    // All of them first: a file that does not fit costs no run.
    const auto questions = parallel::agree(world, [&] {
      return about_file(arguments.parameters_file, [&] {
        std::vector<dakota::Question> all;
        for (const dakota::Request& request : file.requests) {
          all.push_back(dakota::question(request, placed.facts));
        }
        return all;
      });
    });
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      model::ModelResult result = run(world, *placed.model, questions[i].request);
      answers.push_back({.request = file.requests[i],
                         .result = dakota::answer(questions[i], placed.facts, std::move(result))});
    }
    parallel::agree(world, [&] {
      if (world.rank() == 0) {
        write_results(arguments.results_file, dakota::results_file(results_format(arguments, file),
                                                                   answers, file.is_batch));
      }
    });
  }
  petsc.close();
  return 0;
}

}  // namespace invar::app
