#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace invar::app {

/// The command line, parsed.
struct Arguments {
  enum class Command {
    none,
    run,
    resume,
    check,
    explain,
    show,
    pack,
    replay,
    serve,
    rescore,
    doctor,
    eval,
    export_posterior
  };

  Command command = Command::none;
  std::string study;      // of run, check, serve, doctor, eval; of resume, rescore: a changed one
  std::string directory;  // of resume, show, pack, replay, rescore, export
  std::string key;        // of explain
  std::vector<std::string> overrides;      // --set key=value
  std::optional<std::string> campaign;     // --campaign DIR
  std::optional<std::int64_t> stop_after;  // --stop-after N
  std::optional<std::string> time_limit;   // --time-limit T, as it was written
  bool retry_failed = false;               // of resume
  std::int64_t evaluation = -1;            // of replay: an id
  std::string parameters_file;             // of eval
  std::string results_file;                // of eval
  std::string results_format;              // of eval: standard, json; "": that of the parameters
  std::string host = "127.0.0.1";          // of serve
  int port = 4242;                         // of serve
  std::int64_t points = 8;                 // of doctor, as the next four: draws from the prior
  std::int64_t calls = 100;                // in which leaks are looked for
  std::optional<int> ranks;                // of the planned job
  std::string launcher = "mpirun --oversubscribe --bind-to none";
  std::vector<std::string> examine;  // of its own processes: transcript and checks
  std::string to;                    // of export: the file to write
  bool is_forced = false;            // of export: also over a file that is there
  bool is_json = false;              // of show, rescore, doctor
  bool shows_failures = false;       // of show
  bool is_markdown = false;          // of explain
  std::vector<std::string> petsc;    // what follows `--`
  std::optional<int> exit_code;      // --help, --version and errors: done already
  std::string message;               // text for stdout (exit code 0) or stderr
};

/// The overrides of the command line, with what follows `--` among them.
/// MPI: Local.
std::vector<std::string> overrides_of(const Arguments& arguments);

/// The words of a text, such as options for PETSc.
/// MPI: Local.
std::vector<std::string> words_of(const std::string& text);

/// Parses the command line; never exits and never prints.
///
/// MPI: Local; the same on all ranks.
Arguments parse_arguments(int argc, char** argv);

}  // namespace invar::app
