#include "invar/model_process/process_model.hpp"

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

  model::ModelResult evaluate(const model::ModelRequest& request) override {
    INVAR_EXPECTS(request.parameters.size() == num_parameters());
    if (!is_first_) {
      return {};
    }
    if (!request.parameters.allFinite()) {
      return {.status = Status::model_failed,
              .message = "the program was not run: a parameter is not finite"};
    }
    try {
      const std::string id =
          request.id >= 0 ? std::to_string(request.id) : fmt::format("run-{}", ::getpid());
      RunDirectory directory(options_.work_directory, id);
      model::ModelResult result = run_in(directory, request, id);
      const bool has_failed = !result.is_ok() || !result.qois.allFinite();
      if (options_.keep == Keep::all || (options_.keep == Keep::failed && has_failed)) {
        directory.keep();
        result.message += result.is_ok() ? "" : " (see " + directory.path().string() + ")";
      }
      return result;
    } catch (const fs::filesystem_error& error) {
      return {.status = Status::transport,
              .message = fmt::format("cannot make the directory of the run: {}", error.what())};
    }
  }

 private:
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

  void furnish(const RunDirectory& directory, const model::ModelRequest& request,
               const std::string& id) const {
    const Eigen::VectorXd& parameters = request.parameters;
    directory.write(parameters_name,
                    dakota::parameter_file(options_.parameters, as_dakota_has_it(request, id)));
    for (const InputFile& file : options_.templates) {
      directory.write(file.name, render(file.source, sizes_.parameter_names, parameters));
    }
    for (const InputFile& file : options_.link) {
      fs::create_symlink(file.source, directory.path() / file.name);
    }
    for (const InputFile& file : options_.copy) {
      fs::copy(file.source, directory.path() / file.name, fs::copy_options::recursive);
    }
  }

  model::ModelResult run_in(const RunDirectory& directory, const model::ModelRequest& request,
                            const std::string& id) {
    furnish(directory, request, id);
    const RunEnding ending = runner_.run(directory.path().string(), timeout_s_);
    switch (ending.kind) {
      case RunEnding::Kind::ended:
        return judge(directory, ending.value, request.wants_jacobian);
      case RunEnding::Kind::late:
        return {.status = Status::timeout,
                .message = fmt::format("no answer within {} s (evaluation.timeout_s){}",
                                       timeout_s_.value_or(0), last_words(directory))};
      case RunEnding::Kind::not_started:
        return {.status = Status::crashed,
                .message = fmt::format("cannot start {}: {}", options_.command.front(),
                                       std::strerror(ending.value))};
      default:
        return {.status = Status::transport,
                .message = "the process that watches over the program is gone"};
    }
  }

  [[nodiscard]] model::ModelResult judge(const RunDirectory& directory, int status,
                                         bool has_gradients) const {
    const bool is_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    model::ModelResult result;
    if (is_well || WIFEXITED(status)) {
      result = read_results(directory, has_gradients);
    }
    // A program that says that it failed may say so with its exit code, too.
    if (!is_well && result.status != Status::model_failed) {
      result = {.status = Status::crashed,
                .message = fmt::format("the program {}", ending_text(status))};
    }
    if (!result.is_ok()) {
      result.message += last_words(directory);
    }
    return result;
  }

  [[nodiscard]] model::ModelResult read_results(const RunDirectory& directory,
                                                bool has_gradients) const {
    const auto read = [&](const std::string& name) { return directory.read(name); };
    if (options_.results == ResultsFormat::outputs) {
      return pick_outputs(options_.outputs, sizes_.num_qois, read);
    }
    const auto text = read(results_name);
    if (!text) {
      return dakota::bad_output(fmt::format("the program did not write {}", results_name));
    }
    const dakota::Expected expected{.num_qois = sizes_.num_qois,
                                    .num_derivatives = has_gradients ? sizes_.num_parameters : 0};
    model::ModelResult result = options_.results == ResultsFormat::json
                                    ? dakota::parse_json_results(*text, expected)
                                    : dakota::parse_standard_results(*text, expected);
    if (result.status == Status::bad_output) {
      result.message = fmt::format("{}: {}", results_name, result.message);
    }
    return result;
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
