#include "model_process/outputs.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>
#include <regex.h>

#include "dakota/foreign_text.hpp"
#include "dakota/number.hpp"
#include "dakota/results_file.hpp"
#include "invar/core/error.hpp"

namespace invar::model_process {
namespace {

/// A POSIX extended regular expression. (std::regex recurses on every character of a line.)
class Pattern {
 public:
  explicit Pattern(const std::string& text)
      : code_(::regcomp(&pattern_, text.c_str(), REG_EXTENDED)) {}
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  Pattern(Pattern&&) = delete;
  Pattern& operator=(Pattern&&) = delete;
  ~Pattern() {
    if (code_ == 0) {
      ::regfree(&pattern_);
    }
  }

  [[nodiscard]] std::string problem() const {
    if (code_ == 0) {
      return pattern_.re_nsub > 0 ? "" : "has no group in parentheses around the number";
    }
    std::array<char, 200> text{};
    ::regerror(code_, &pattern_, text.data(), text.size());
    return text.data();
  }

  /// What the first group matches, for every match in a line.
  [[nodiscard]] std::vector<std::string> matches(const std::string& line) const {
    std::vector<std::string> found;
    std::size_t begin = 0;
    std::array<regmatch_t, 2> at{};
    while (begin <= line.size() && ::regexec(&pattern_, line.c_str() + begin, at.size(), at.data(),
                                             begin == 0 ? 0 : REG_NOTBOL) == 0) {
      if (at[1].rm_so >= 0) {
        found.push_back(line.substr(begin + static_cast<std::size_t>(at[1].rm_so),
                                    static_cast<std::size_t>(at[1].rm_eo - at[1].rm_so)));
      }
      begin += static_cast<std::size_t>(std::max(at[0].rm_eo, regoff_t{1}));
    }
    return found;
  }

 private:
  regex_t pattern_{};
  int code_;
};

std::vector<std::string> split(const std::string& text, std::string_view separators,
                               bool skips_empty) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    if (end > begin || !skips_empty) {
      parts.push_back(text.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return parts;
}

/// The one at `number` (from 1, or from -1 backwards), or null.
const std::string* pick(const std::vector<std::string>& all, long number) {
  const long index = number > 0 ? number - 1 : static_cast<long>(all.size()) + number;
  return index >= 0 && index < static_cast<long>(all.size()) ? &all[static_cast<std::size_t>(index)]
                                                             : nullptr;
}

/// A reason why there is no number.
struct Missing {
  std::string reason;
};

std::vector<std::string> words_by_pattern(const Output& output,
                                          const std::vector<std::string>& lines) {
  const Pattern pattern(output.pattern);
  std::vector<std::string> found;
  for (const std::string& line : lines) {
    for (std::string& word : pattern.matches(line)) {
      found.push_back(std::move(word));
    }
  }
  if (found.empty()) {
    throw Missing{
        fmt::format("nothing in {} matches {}", output.file, dakota::quoted(output.pattern))};
  }
  if (output.match == Output::Match::first) {
    found.resize(1);
  } else if (output.match == Output::Match::last) {
    found.erase(found.begin(), found.end() - 1);
  }
  return found;
}

std::vector<std::string> words_by_place(const Output& output,
                                        const std::vector<std::string>& lines) {
  const std::string* const line = pick(lines, output.line);
  if (line == nullptr) {
    throw Missing{
        fmt::format("{} has {} lines, expected a line {}", output.file, lines.size(), output.line)};
  }
  std::vector<std::string> words = split(*line, " \t\r,;", true);
  if (output.column == 0) {
    return words;
  }
  const std::string* const word = pick(words, output.column);
  if (word == nullptr) {
    throw Missing{fmt::format("line {} of {} has {} columns, expected a column {}", output.line,
                              output.file, words.size(), output.column)};
  }
  return {*word};
}

}  // namespace

model::ModelResult pick_outputs(
    const std::vector<Output>& outputs, Eigen::Index num_qois,
    const std::function<std::optional<std::string>(const std::string& name)>& read) {
  std::vector<double> values;
  try {
    for (const Output& output : outputs) {
      const auto text = read(output.file);
      if (!text) {
        throw Missing{fmt::format("the program did not write {}", output.file)};
      }
      const std::vector<std::string> lines = split(*text, "\n", false);
      for (const std::string& word :
           output.line == 0 ? words_by_pattern(output, lines) : words_by_place(output, lines)) {
        const auto value = dakota::parse_number(word);
        if (!value) {
          throw Missing{
              fmt::format("expected a number in {}, found {}", output.file, dakota::quoted(word))};
        }
        values.push_back(*value);
      }
    }
  } catch (const Missing& missing) {
    return dakota::bad_output(missing.reason);
  }
  if (static_cast<Eigen::Index>(values.size()) != num_qois) {
    return dakota::bad_output(
        fmt::format("expected {} numbers in the outputs, found {}", num_qois, values.size()));
  }
  model::ModelResult result;
  result.qois = Eigen::Map<const Eigen::VectorXd>(values.data(), num_qois);
  return result;
}

std::string pattern_problem(const std::string& pattern) {
  return Pattern(pattern).problem();
}

}  // namespace invar::model_process
