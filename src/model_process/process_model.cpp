#include "invar/model_process/process_model.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "dakota/foreign_text.hpp"
#include "dakota/parameter_file.hpp"
#include "dakota/results_file.hpp"
#include "model_process/outputs.hpp"
#include "model_process/run_directory.hpp"
#include "model_process/runner.hpp"
#include "model_process/template_text.hpp"

namespace invar::model_process {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

/// Whether the kernel would find it, as execvp looks for it.
bool can_be_found(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return is_program(program);
  }
  const char* const variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "/bin:/usr/bin" : variable;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    if (is_program(fs::path(path.substr(begin, end - begin)) / program)) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

/// "killed by signal 11 (Segmentation fault)", "ended with exit code 3".
std::string ending_text(int status) {
  return WIFSIGNALED(status) ? fmt::format("was killed by signal {} ({})", WTERMSIG(status),
                                           ::strsignal(WTERMSIG(status)))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

class ProcessModel final : public model::Model {
  using Requests = std::vector<model::ModelRequest>;
  using Results = std::vector<model::ModelResult>;

 public:
  ProcessModel(ProcessOptions options, model::ProblemSizes sizes, bool is_first)
      : options_(std::move(options)),
        sizes_(std::move(sizes)),
        is_first_(is_first),
        runner_(command_of(options_)) {}

  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_qois; }
  [[nodiscard]] model::Capabilities capabilities() const override {
    return {.jacobian = options_.gradients};
  }
  void limit_time(double timeout_s) override { timeout_s_ = timeout_s; }

  [[nodiscard]] Eigen::Index most_at_once() const override { return options_.batch; }

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    return evaluate_several({request}).front();
  }

  Results evaluate_several(const Requests& requests) override {
    Results results(requests.size());
    if (!is_first_) {
      return results;
    }
    Requests to_run;
    std::vector<std::size_t> places;  // of their results
    for (std::size_t i = 0; i < requests.size(); ++i) {
      INVAR_EXPECTS(requests[i].parameters.size() == num_parameters());
      if (requests[i].parameters.allFinite()) {
        to_run.push_back(requests[i]);
        places.push_back(i);
      } else {
        results[i] = {.status = Status::model_failed,
                      .message = "the program was not run: a parameter is not finite"};
      }
    }
    if (!to_run.empty()) {
      Results found = run(to_run);
      for (std::size_t i = 0; i < places.size(); ++i) {
        results[places[i]] = std::move(found[i]);
      }
    }
    return results;
  }

 private:
  static Results all(const Requests& requests, Status status, const std::string& message) {
    return Results(requests.size(), {.status = status, .message = message});
  }

  /// What the directory of a run is called: "17", or "17-20" for a batch.
  static std::string name_of(const Requests& requests) {
    const std::int64_t first = requests.front().id;
    if (first < 0) {
      return fmt::format("run-{}", ::getpid());
    }
    return requests.size() == 1 ? std::to_string(first)
                                : fmt::format("{}-{}", first, requests.back().id);
  }

  Results run(const Requests& requests) {
    try {
      RunDirectory directory(options_.work_directory, name_of(requests));
      Results results = run_in(directory, requests);
      const bool has_failed =
          std::any_of(results.begin(), results.end(), [](const model::ModelResult& result) {
            return !result.is_ok() || !result.qois.allFinite();
          });
      if (options_.keep == Keep::all || (options_.keep == Keep::failed && has_failed)) {
        directory.keep();
        for (model::ModelResult& result : results) {
          result.message += result.is_ok() ? "" : " (see " + directory.path().string() + ")";
        }
      }
      return results;
    } catch (const fs::filesystem_error& error) {
      return all(requests, Status::transport,
                 fmt::format("cannot make the directory of the run: {}", error.what()));
    }
  }

  static std::vector<std::string> command_of(const ProcessOptions& options) {
    std::vector<std::string> command = options.command;
    if (options.append_files) {
      command.emplace_back(parameters_name);
      command.emplace_back(results_name);
    }
    return command;
  }

  /// What params.in asks for.
  [[nodiscard]] dakota::Request as_dakota_has_it(const model::ModelRequest& request,
                                                 const std::string& id) const {
    dakota::Request asked{.variables = sizes_.parameter_names,
                          .values = request.parameters,
                          .responses = {},
                          .active_set = {},
                          .derivative_variables = {},
                          .evaluation_id = id};
    const int wanted = dakota::wants_value | (request.wants_jacobian ? dakota::wants_gradient : 0);
    for (Eigen::Index i = 0; i < sizes_.num_qois; ++i) {
      asked.responses.push_back(dakota::qoi_label(i));
      asked.active_set.push_back(wanted);
    }
    for (Eigen::Index i = 0; i < sizes_.num_parameters; ++i) {
      asked.derivative_variables.push_back(i);
    }
    return asked;
  }

  /// The text of params.in.
  [[nodiscard]] std::string parameters_text(const Requests& requests) const {
    const auto id = [](std::int64_t number) {
      return number >= 0 ? std::to_string(number) : fmt::format("run-{}", ::getpid());
    };
    if (options_.batch == 1) {
      const model::ModelRequest& request = requests.front();
      return dakota::parameter_file(options_.parameters, as_dakota_has_it(request, id(request.id)));
    }
    std::vector<dakota::Request> asked;
    for (const model::ModelRequest& request : requests) {
      asked.push_back(as_dakota_has_it(request, id(requests.front().id) + ":" + id(request.id)));
    }
    return dakota::batch_file(options_.parameters, asked);
  }

  void furnish(const RunDirectory& directory, const Requests& requests) const {
    directory.write(parameters_name, parameters_text(requests));
    for (const InputFile& file : options_.templates) {
      directory.write(file.name,
                      render(file.source, sizes_.parameter_names, requests.front().parameters));
    }
    for (const InputFile& file : options_.link) {
      fs::create_symlink(file.source, directory.path() / file.name);
    }
    for (const InputFile& file : options_.copy) {
      fs::copy(file.source, directory.path() / file.name, fs::copy_options::recursive);
    }
  }

  Results run_in(const RunDirectory& directory, const Requests& requests) {
    furnish(directory, requests);
    std::optional<double> limit_s = timeout_s_;
    if (limit_s) {
      *limit_s *= static_cast<double>(requests.size());
    }
    const RunEnding ending = runner_.run(directory.path().string(), limit_s);
    switch (ending.kind) {
      case RunEnding::Kind::ended:
        return judge(directory, ending.value, requests);
      case RunEnding::Kind::late:
        return all(
            requests, Status::timeout,
            fmt::format("no answer within {} s ({}evaluation.timeout_s){}", limit_s.value_or(0),
                        requests.size() > 1 ? fmt::format("{} x ", requests.size()) : "",
                        last_words(directory)));
      case RunEnding::Kind::not_started:
        return all(requests, Status::crashed,
                   fmt::format("cannot start {}: {}", options_.command.front(),
                               std::strerror(ending.value)));
      default:
        return all(requests, Status::transport,
                   "the process that watches over the program is gone");
    }
  }

  [[nodiscard]] Results judge(const RunDirectory& directory, int status,
                              const Requests& requests) const {
    const bool is_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    Results results =
        WIFEXITED(status) ? read_results(directory, requests) : Results(requests.size());
    for (model::ModelResult& result : results) {
      // A program that says that it failed may say so with its exit code, too.
      if (!is_well && result.status != Status::model_failed) {
        result = {.status = Status::crashed,
                  .message = fmt::format("the program {}", ending_text(status))};
      }
      if (!result.is_ok()) {
        result.message += last_words(directory);
      }
    }
    return results;
  }

  [[nodiscard]] Results read_results(const RunDirectory& directory,
                                     const Requests& requests) const {
    const auto read = [&](const std::string& name) { return directory.read(name); };
    if (options_.results == ResultsFormat::outputs) {
      return {pick_outputs(options_.outputs, sizes_.num_qois, read)};
    }
    const auto text = read(results_name);
    if (!text) {
      return all(requests, Status::bad_output,
                 fmt::format("the program did not write {}", results_name));
    }
    const auto format = options_.results == ResultsFormat::json ? dakota::ResultsFormat::json
                                                                : dakota::ResultsFormat::standard;
    const std::vector<std::string> parts =
        options_.batch > 1 ? dakota::split_batch(format, *text) : std::vector{*text};
    if (parts.size() != requests.size()) {
      return all(requests, Status::bad_output,
                 fmt::format("{}: expected results of {} evaluations, found {}", results_name,
                             requests.size(), parts.size()));
    }
    Results results;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const dakota::Expected expected{
          .num_qois = sizes_.num_qois,
          .num_derivatives = requests[i].wants_jacobian ? sizes_.num_parameters : 0};
      results.push_back(format == dakota::ResultsFormat::json
                            ? dakota::parse_json_results(parts[i], expected)
                            : dakota::parse_standard_results(parts[i], expected));
      if (results.back().status == Status::bad_output) {
        results.back().message = fmt::format("{}: {}", results_name, results.back().message);
      }
    }
    return results;
  }

  /// What the program said last on its error output, as the end of a message.
  static std::string last_words(const RunDirectory& directory) {
    const std::string words = dakota::last_lines(directory.read_end(stderr_name));
    return words.empty() ? "" : "; it said: " + words;
  }

  ProcessOptions options_;
  model::ProblemSizes sizes_;
  bool is_first_;
  std::optional<double> timeout_s_;
  Runner runner_;
};

[[noreturn]] void refuse(const std::string& key, const std::string& message) {
  throw Error(ErrorKind::config, fmt::format("`model.{}`: {}", key, message));
}

}  // namespace

std::unique_ptr<model::Model> make_process_model(const ProcessOptions& options,
                                                 const model::ProblemSizes& sizes, MPI_Comm group) {
  for (const model::OptionProblem& problem : process_problems(options, sizes)) {
    refuse(problem.key, problem.message);
  }
  if (options.command.empty() || !can_be_found(options.command.front())) {
    refuse("command", fmt::format("there is no program `{}` that can be run",
                                  options.command.empty() ? "" : options.command.front()));
  }
  for (const auto& [key, files] : {std::pair("link", &options.link), {"copy", &options.copy}}) {
    for (const InputFile& file : *files) {
      if (!fs::exists(file.source)) {
        refuse(key, fmt::format("there is no file `{}`", file.source));
      }
    }
  }
  std::error_code problem;
  fs::create_directories(options.work_directory, problem);
  if (problem || ::access(options.work_directory.c_str(), W_OK) != 0) {
    refuse("work_directory",
           fmt::format("cannot make directories in `{}`: {}", options.work_directory,
                       problem ? problem.message() : std::strerror(errno)));
  }
  int rank = 0;
  MPI_Comm_rank(group, &rank);
  return std::make_unique<ProcessModel>(options, sizes, rank == 0);
}

void add_process_model(model::ModelRegistry& registry) {
  model::ModelType type = model::make_model_type<ProcessOptions>(
      "process", "a program of any kind, run in a directory of its own for every evaluation",
      process_table(), make_process_model, process_problems);
  type.keeps_timeout = true;
  type.harmless_keys = {"work_directory", "keep"};
  registry.add(std::move(type));
}

}  // namespace invar::model_process
