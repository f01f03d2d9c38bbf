#include "invar/app/program.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>

#include "app/arguments.hpp"
#include "app/check.hpp"
#include "app/doctor_command.hpp"
#include "app/eval_command.hpp"
#include "app/explain.hpp"
#include "app/export_command.hpp"
#include "app/model_process.hpp"
#include "app/rescore_command.hpp"
#include "app/run_command.hpp"
#include "app/show.hpp"
#include "app/study_bundle.hpp"
#include "invar/campaign/execute.hpp"
#include "invar/core/error.hpp"
#include "invar/parallel/agree.hpp"
#include "invar/parallel/launch.hpp"
#include "invar/parallel/session.hpp"
#include "invar/parallel/stop_signals.hpp"

namespace invar::app {
namespace {

using Command = Arguments::Command;

int print(const std::string& text, std::FILE* stream, int exit_code) {
  std::fputs(text.c_str(), stream);
  return exit_code;
}

/// The commands that one rank does alone.
int run_alone(const Arguments& arguments, const model::ModelRegistry& registry) {
  switch (arguments.command) {
    case Command::check:
      return print(check_text(arguments.study, arguments.overrides, registry), stdout, 0);
    case Command::explain: {
      const auto keys = campaign::describe_study(registry);
      return print(arguments.is_markdown ? explain_markdown(keys, arguments.key)
                                         : explain_text(keys, arguments.key),
                   stdout, 0);
    }
    case Command::show:
      if (arguments.shows_failures) {
        return print(show_failures(arguments.directory, registry), stdout, 0);
      }
      return print(
          arguments.is_json ? show_json(arguments.directory) : show_text(arguments.directory),
          stdout, 0);
    case Command::export_posterior:
      return print(export_posterior(arguments), stdout, 0);
    case Command::rescore:
      return print(rescore_text(arguments, registry), stdout, 0);
    case Command::pack: {
      const std::filesystem::path directory = arguments.directory;
      store::read_manifest(directory);  // for its checksums
      campaign::pack(directory, load_study(directory / "study.yaml", {}, registry).study,
                     [](const std::string& note) { print("invar: " + note + "\n", stderr, 0); });
      return 0;
    }
    default:
      return static_cast<int>(ErrorKind::usage);
  }
}

bool drives_a_campaign(const Arguments& arguments) {
  return !arguments.exit_code &&
         (arguments.command == Command::run || arguments.command == Command::resume);
}

bool serves(const Arguments& arguments) {
  return !arguments.exit_code && arguments.command == Command::serve;
}

bool runs_the_model(const Arguments& arguments) {
  return drives_a_campaign(arguments) || serves(arguments) ||
         (!arguments.exit_code &&
          (arguments.command == Command::replay || arguments.command == Command::eval));
}

int run(const parallel::Session& session, const Arguments& arguments,
        const model::ModelRegistry& registry, parallel::StopControl& stop,
        std::optional<isolation::ForkServer>& forks) {
  const parallel::Comm& world = session.world();
  if (arguments.exit_code) {
    return world.rank() == 0 ? print(arguments.message, *arguments.exit_code == 0 ? stdout : stderr,
                                     *arguments.exit_code)
                             : *arguments.exit_code;
  }
  if (arguments.command == Command::doctor) {
    return examine_command(session, arguments, registry);
  }
  if (runs_the_model(arguments)) {
    const auto launch = parallel::launch_from_environment();
    // A driver is started alone, time and again, within whatever allocation Dakota has.
    if (launch.is_certain || arguments.command != Command::eval) {
      parallel::require_launched_ranks(launch, world.size());
    }
    if (arguments.command == Command::eval) {
      return eval_command(session, arguments, registry, *forks);
    }
    if (arguments.command == Command::serve) {
      return serve_command(session, arguments, registry, stop, *forks);
    }
    return arguments.command == Command::replay
               ? replay_command(session, arguments, registry, *forks)
               : run_command(session, arguments, registry, stop, *forks);
  }
  std::string code = "0";
  parallel::agree(world, [&] {
    if (world.rank() == 0) {
      code = std::to_string(run_alone(arguments, registry));
    }
  });
  parallel::broadcast(world, code);
  return std::stoi(code);
}

/// The doctor itself, whose processes use MPI and who does not.
int run_doctor(const Arguments& arguments, const model::ModelRegistry& registry) {
  try {
    return doctor_command(arguments, registry);
  } catch (const Error& error) {
    return print(std::string("invar: ") + error.what() + "\n", stderr, error.exit_code());
  } catch (const std::exception& error) {
    return print(std::string("invar: unexpected: ") + error.what() + "\n", stderr,
                 static_cast<int>(ErrorKind::internal));
  }
}

}  // namespace

int run_program(int argc, char** argv, const model::ModelRegistry& registry) {
  // A file at the limit of the shell (ulimit -f) is to be an error of the write, not the end. A
  // handler, unlike SIG_IGN, is not inherited by programs that are started.
  std::signal(SIGXFSZ, [](int /*signal*/) {});
  const Arguments arguments = parse_arguments(argc, argv);
  if (arguments.command == Command::doctor && !arguments.exit_code && arguments.examine.empty()) {
    return run_doctor(arguments, registry);
  }
  // First of all: what descends from a process with MPI or threads could not start MPI itself.
  std::optional<isolation::ForkServer> forks;
  parallel::StopControl stop;
  std::optional<parallel::StopSignals> signals;  // before MPI: a signal may come at any time
  if (runs_the_model(arguments)) {
    forks.emplace(model_process(registry));
  }
  if (drives_a_campaign(arguments) || serves(arguments)) {
    signals.emplace(stop);
  }
  // Outside the `try`: what one rank alone throws must end the job before the session waits.
  const parallel::Session session(argc, argv);
  const int rank = session.world().rank();
  try {
    return run(session, arguments, registry, stop, forks);
  } catch (const parallel::CollectiveError& error) {
    if (rank == 0) {
      std::fprintf(stderr, "invar: %s\n", error.what());
    }
    return error.exit_code();
  } catch (const Error& error) {
    std::fprintf(stderr, "invar: rank %d: %s\n", rank, error.what());
    std::fflush(nullptr);
    if (session.world().size() == 1) {
      return error.exit_code();
    }
    parallel::Session::abort(error.exit_code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "invar: rank %d: unexpected: %s\n", rank, error.what());
    std::fflush(nullptr);
    parallel::Session::abort(static_cast<int>(ErrorKind::internal));
  }
}

}  // namespace invar::app
