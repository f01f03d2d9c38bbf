#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mpi.h>

#include "invar/dakota/format.hpp"
#include "invar/model/model.hpp"
#include "invar/options/table.hpp"

namespace invar::model_process {

/// What becomes of the directory of a run.
enum class Keep { all, failed, none };

/// How a program reads the parameters.
using dakota::ParametersFormat;

/// How the QoIs are read.
enum class ResultsFormat {
  standard,  // Dakota's results file
  json,
  outputs,  // numbers picked out of files that the program writes
};

/// A file that is put into the directory of every run.
struct InputFile {
  std::string name;    // there
  std::string source;  // of a template its text, else the absolute path of what is linked or copied
};

/// Where to find QoIs in a file that the program writes.
struct Output {
  std::string file;     // in the directory of the run
  std::string pattern;  // a regular expression whose first group is a number; or:
  long line = 0;        // from 1, or from -1 backwards
  long column = 0;      // from 1, or from -1 backwards; 0: all of the line
  enum class Match { first, last, all } match = Match::last;  // of a pattern
};

/// A model that is a program.
struct ProcessOptions {
  std::vector<std::string> command;  // no shell reads it
  std::string work_directory;        // absolute; every run gets a directory in it
  Keep keep = Keep::failed;
  ParametersFormat parameters = ParametersFormat::standard;
  bool append_files = true;          // the names of the two files as last arguments
  std::vector<InputFile> templates;  // rendered
  std::vector<InputFile> link;
  std::vector<InputFile> copy;
  ResultsFormat results = ResultsFormat::standard;
  std::vector<Output> outputs;  // one after the other
  int batch = 1;                // evaluations that one start of the program gets at most
  bool gradients = false;       // the program gives those that the active set asks for
};

/// The names of the two files in the directory of a run.
inline constexpr const char* parameters_name = "params.in";
inline constexpr const char* results_name = "results.out";

/// The keys of `model: {type: process}`.
/// MPI: Local.
const options::Table<ProcessOptions>& process_table();

/// What no key alone can see.
/// MPI: Local.
std::vector<model::OptionProblem> process_problems(const ProcessOptions& options,
                                                   const model::ProblemSizes& sizes);

/// A model that runs a program for every evaluation, in a directory of its own.
///
/// The program stands in a session of its own and has an environment without traces of the job's
/// launcher, nothing to read on its input, and the beginning and the end of what it prints kept in
/// `stdout.txt` and `stderr.txt`. When it ends, or the time is over, or this process dies in
/// whatever way, everything that it started ends with it.
///
/// With `batch` of more than 1 the two files are those of a batch (Dakota 6.19, reference manual,
/// `batch`), of up to so many evaluations; they have so many times the time of one.
///
/// MPI:     Local work on rank 0 of the group; the other ranks have nothing to do.
/// Cost:    a process per run, and one that watches over it; some milliseconds.
/// Failure: a program that cannot be started, ends by a signal or with another exit code than 0 has
///          `crashed`; `fail` in the results is `model_failed`; results that are missing or cannot
///          be read are `bad_output`; too late is `timeout`; parameters that are not finite are
///          `model_failed` without a run.
///
/// @throws Error(config)  when there is no such program or file, or no run directory can be made
std::unique_ptr<model::Model> make_process_model(const ProcessOptions& options,
                                                 const model::ProblemSizes& sizes, MPI_Comm group);

/// Adds the type `process`.
/// MPI: Local.
void add_process_model(model::ModelRegistry& registry);

}  // namespace invar::model_process
