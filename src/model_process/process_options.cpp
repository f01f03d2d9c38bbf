#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "invar/model_process/process_model.hpp"
#include "model_process/outputs.hpp"
#include "model_process/runner.hpp"
#include "model_process/template_text.hpp"

namespace invar::model_process {
namespace {

using options::Cursor;
using options::Node;
using options::Row;
using Files = std::vector<InputFile> ProcessOptions::*;

/// The items of a list; one thing alone is a list of one.
std::vector<Cursor> items_of(const Cursor& at) {
  std::vector<Cursor> items;
  if (at.present() && at.node->kind != Node::Kind::sequence) {
    return {at};
  }
  for (std::size_t i = 0; at.present() && i < at.node->items.size(); ++i) {
    items.push_back(at.item(i));
  }
  return items;
}

std::string read_word(const Cursor& at, bool is_program) {
  const auto word = options::read_text(at);
  if (!word) {
    return {};
  }
  const options::FileInPlace file = at.reader->files().in_place(*word);
  if (is_program && (!file.is_there || file.is_folder) && word->find('/') != std::string::npos) {
    at.problem(fmt::format("there is no program `{}` beside the study file", *word));
  }
  // A campaign's directory may have the name of a program.
  return file.is_there && !(is_program && file.is_folder) ? file.path : *word;
}

Row<ProcessOptions> command_row() {
  auto row = options::custom<ProcessOptions>(
      "command", "list of words",
      "the program and its arguments, without a shell; words that name a file beside the study "
      "file become its absolute path, as which the campaign keeps them",
      [](const Cursor& at, ProcessOptions& target) {
        Node resolved = Node::make_sequence();
        for (const Cursor& item : items_of(at)) {
          target.command.push_back(read_word(item, target.command.empty()));
          resolved.items.push_back(Node::make_text(target.command.back()));
        }
        if (target.command.empty() || target.command.front().empty()) {
          at.problem("expected the words of a command such as [python3, model.py]");
        }
        return resolved;
      });
  row.is_required = true;
  return row;
}

Row<ProcessOptions> work_directory_row() {
  auto row = options::custom<ProcessOptions>(
      "work_directory", "text",
      "where every run gets a directory of its own; relative to the study file, kept as an "
      "absolute "
      "path",
      [](const Cursor& at, ProcessOptions& target) {
        const std::filesystem::path given = options::read_text(at).value_or("runs");
        const std::filesystem::path base = at.reader->files().in_place(".").path;
        target.work_directory = (base / given).lexically_normal().string();
        return Node::make_text(target.work_directory);
      });
  row.default_text = [](const ProcessOptions&) { return std::string("\"runs\""); };
  return row;
}

/// An entry of a list of files: a path, or {file: path, as: name}.
Row<ProcessOptions> files_row(const std::string& key, Files member, const std::string& help,
                              bool is_template) {
  auto row = options::custom<ProcessOptions>(
      key, "list of files", help, [member, is_template](const Cursor& at, ProcessOptions& target) {
        Node resolved = Node::make_sequence();
        for (const Cursor& item : items_of(at)) {
          const bool is_map = item.present() && item.node->kind == Node::Kind::map;
          if (is_map) {
            item.refuse_unknown_keys({"file", "as"});
          }
          const Cursor file = is_map ? item.child("file") : item;
          const auto path = options::read_text(file);
          if (!path) {
            item.problem("expected a file or {file: path, as: name}");
            continue;
          }
          const std::string name = (is_map ? options::read_text(item.child("as")) : std::nullopt)
                                       .value_or(std::filesystem::path(*path).filename().string());
          std::string source = *path;
          std::string kept = *path;
          try {
            if (is_template) {
              source = at.reader->files().bytes(*path);
              kept = at.reader->files().stored_name(*path);
            } else {
              const options::FileInPlace place = at.reader->files().in_place(*path);
              kept = source = place.is_there ? place.path : "";
            }
          } catch (const Error& error) {
            file.problem(error.what(), error.kind());
          }
          if (source.empty() && !is_template) {
            file.problem(fmt::format("there is no file `{}` beside the study file", *path));
          }
          (target.*member).push_back({.name = name, .source = std::move(source)});
          Node entry = Node::make_map();
          entry.set("file", Node::make_text(kept));
          entry.set("as", Node::make_text(name));
          resolved.items.push_back(std::move(entry));
        }
        return resolved;
      });
  row.default_text = [](const ProcessOptions&) { return std::string("[]"); };
  return row;
}

const options::Table<Output>& output_table() {
  using options::Range;
  auto file = options::text("file", &Output::file, "in the directory of the run");
  file.is_required = true;
  static const options::Table<Output> table({
      std::move(file),
      options::text("pattern", &Output::pattern,
                    "a POSIX extended regular expression for lines of the file; its first group is "
                    "the number"),
      options::choice("match", &Output::match,
                      {{Output::Match::last, "last", {}},
                       {Output::Match::first, "first", {}},
                       {Output::Match::all, "all", {}}},
                      "which match of the pattern counts"),
      options::integer("line", &Output::line, Range::any(),
                       "instead of a pattern: the line, from 1, or from -1 backwards"),
      options::integer("column", &Output::column, Range::any(),
                       "the word in the line, from 1, or from -1 backwards; 0 for all of them"),
  });
  return table;
}

Row<ProcessOptions> outputs_row() {
  auto row = options::custom<ProcessOptions>(
      "outputs", "list of keys",
      "with `results: outputs`: where the QoIs stand, one entry after the other",
      [](const Cursor& at, ProcessOptions& target) {
        Node resolved = Node::make_sequence();
        for (const Cursor& item : items_of(at)) {
          resolved.items.push_back(output_table().read(item, target.outputs.emplace_back()));
        }
        return resolved;
      });
  row.default_text = [](const ProcessOptions&) { return std::string("[]"); };
  row.children = output_table().describe("");
  return row;
}

/// Names in the directory of a run that something else has, or that lead out of it.
std::vector<model::OptionProblem> name_problems(const ProcessOptions& options) {
  std::vector<model::OptionProblem> problems;
  std::set<std::string> taken = {parameters_name, results_name, stdout_name, stderr_name};
  const auto look_at = [&](const std::string& key, const std::vector<InputFile>& files) {
    for (const InputFile& file : files) {
      if (file.name.empty() || file.name == "." || file.name == ".." ||
          file.name.find('/') != std::string::npos) {
        problems.push_back({key, fmt::format("expected a file name, found `{}`", file.name)});
      } else if (!taken.insert(file.name).second) {
        problems.push_back(
            {key, fmt::format("there is a `{}` in the directory of a run already", file.name)});
      }
    }
  };
  look_at("templates", options.templates);
  look_at("link", options.link);
  look_at("copy", options.copy);
  return problems;
}

}  // namespace

const options::Table<ProcessOptions>& process_table() {
  static const options::Table<ProcessOptions> table({
      command_row(),
      options::boolean("append_files", &ProcessOptions::append_files,
                       "whether the names of the parameters file and of the results file, "
                       "params.in and results.out, are the last two arguments"),
      options::choice("parameters", &ProcessOptions::parameters,
                      {{ParametersFormat::standard, "standard", {"dakota"}},
                       {ParametersFormat::aprepro, "aprepro", {}},
                       {ParametersFormat::json, "json", {}}},
                      "how params.in says them: as Dakota does, or in JSON; with 17 digits"),
      options::choice(
          "results", &ProcessOptions::results,
          {{ResultsFormat::standard, "standard", {"dakota"}},
           {ResultsFormat::json, "json", {}},
           {ResultsFormat::outputs, "outputs", {}}},
          "how QoIs are read: from results.out as Dakota does or in JSON, or picked out "
          "of other files"),
      outputs_row(),
      options::integer("batch", &ProcessOptions::batch, options::Range::between(1, 1000000),
                       "evaluations that one start of the program gets at most; more than 1: "
                       "params.in and results.out hold one behind the other, as Dakota's batches "
                       "do (a list in JSON), results parted by lines that begin with #"),
      options::boolean("gradients", &ProcessOptions::gradients,
                       "whether the program writes gradients into results.out where params.in asks "
                       "for them (an active set of 3)"),
      files_row("templates", &ProcessOptions::templates,
                "input files in which {{name}}, {{name:.6e}} and {name} stand for parameters, "
                "rendered for every run; a file or {file: path, as: name}",
                true),
      files_row("link", &ProcessOptions::link,
                "files and folders that every run finds as links; a file or {file: path, as: name}",
                false),
      files_row("copy", &ProcessOptions::copy, "the same as copies", false),
      work_directory_row(),
      options::choice(
          "keep", &ProcessOptions::keep,
          {{Keep::failed, "failed", {}}, {Keep::all, "all", {}}, {Keep::none, "none", {}}},
          "directories of which runs are kept"),
  });
  return table;
}

std::vector<model::OptionProblem> process_problems(const ProcessOptions& options,
                                                   const model::ProblemSizes& sizes) {
  std::vector<model::OptionProblem> problems = name_problems(options);
  if ((options.results == ResultsFormat::outputs) == options.outputs.empty()) {
    problems.push_back({"outputs", options.outputs.empty()
                                       ? "`results: outputs` needs to know where the QoIs stand"
                                       : "goes with `results: outputs`"});
  }
  if (options.batch > 1 && options.results == ResultsFormat::outputs) {
    problems.push_back({"batch", "goes with `results: standard` or `results: json`"});
  }
  if (options.batch > 1 && !options.templates.empty()) {
    problems.push_back({"batch", "templates are rendered for one evaluation; there may be none"});
  }
  if (options.gradients && options.results == ResultsFormat::outputs) {
    problems.push_back({"gradients", "`results: outputs` has values alone"});
  }
  for (const Output& output : options.outputs) {
    const bool has_pattern = !output.pattern.empty();
    const std::string problem = has_pattern ? pattern_problem(output.pattern) : "";
    if (has_pattern == (output.line != 0)) {
      problems.push_back(
          {"outputs", fmt::format("{}: give either a pattern or a line", output.file)});
    } else if (!problem.empty()) {
      problems.push_back({"outputs", fmt::format("the pattern `{}`: {}", output.pattern, problem)});
    }
  }
  for (const InputFile& file : options.templates) {
    try {
      const auto num_names = static_cast<Eigen::Index>(sizes.parameter_names.size());
      render(file.source, sizes.parameter_names, Eigen::VectorXd::Zero(num_names));
    } catch (const Error& error) {
      problems.push_back({"templates", fmt::format("{}: {}", file.name, error.what())});
    }
  }
  return problems;
}

}  // namespace invar::model_process
