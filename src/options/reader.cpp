#include "invar/options/reader.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "invar/options/table.hpp"

namespace invar::options {
namespace {

/// Edit distance where two neighbours that changed places count once.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_previous;
  std::vector<std::size_t> previous(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    previous[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> current(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1,
                             previous[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_previous[j - 2] + 1);
      }
    }
    before_previous = std::move(previous);
    previous = std::move(current);
  }
  return previous.back();
}

/// The dotted key whose last part is `key`; "" when none or several have it.
std::string path_ending_with(const std::string& key, const std::vector<std::string>& paths) {
  std::string found;
  for (const std::string& path : paths) {
    if (path == key || path.ends_with("." + key)) {
      if (!found.empty() && found != path) {
        return "";
      }
      found = path;
    }
  }
  return found;
}

}  // namespace

std::string normalized(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) {
    return "";
  }
  std::string out = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string nearest(const std::string& key, const std::vector<std::string>& known) {
  std::string best;
  const std::string wanted = normalized(key);
  std::size_t best_distance = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(wanted, normalized(candidate));
    if (distance < std::min(best_distance, candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void Reader::throw_if_any() const {
  if (problems_.empty()) {
    return;
  }
  const bool share_kind = std::all_of(problems_.begin(), problems_.end(), [&](const Problem& p) {
    return p.kind == problems_.front().kind;
  });
  std::vector<Problem> sorted = problems_;
  const auto place = [](const Problem& p) {
    // The study file from top to bottom, then the command line, then what has no place.
    const int line = p.where.line > 0 ? p.where.line : std::numeric_limits<int>::max();
    return std::make_tuple(p.where.file.empty(), line, p.where.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&place](const Problem& a, const Problem& b) { return place(a) < place(b); });
  std::string message;
  for (const Problem& problem : sorted) {
    const std::string where = problem.where.text();
    message +=
        fmt::format("{}{}{}{}{}", message.empty() ? "" : "\n", where, where.empty() ? "" : ": ",
                    problem.path.empty() ? "" : "`" + problem.path + "`: ", problem.message);
  }
  throw Error(share_kind ? problems_.front().kind : ErrorKind::config, message);
}

Cursor Cursor::child(const std::string& key) const {
  return {.node = present() ? node->find(key) : nullptr,
          .path = path.empty() ? key : path + "." + key,
          .parent = where(),
          .reader = reader};
}

Cursor Cursor::item(std::size_t index) const {
  INVAR_EXPECTS(present() && index < node->items.size());
  return {.node = &node->items[index],
          .path = fmt::format("{}[{}]", path, index),
          .parent = where(),
          .reader = reader};
}

void Cursor::problem(const std::string& message, ErrorKind kind) const {
  reader->add({kind, where(), path, message});
}

void Cursor::refuse_unknown_keys(const std::vector<std::string>& known) const {
  for (const Entry& entry : node->entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) {
      continue;
    }
    const std::string elsewhere = path_ending_with(entry.key, reader->known_paths());
    const std::string near = nearest(entry.key, known);
    std::string remedy = fmt::format("known here: {}", fmt::join(known, ", "));
    if (elsewhere == path + "." + entry.key) {
      remedy.insert(0, "it belongs to another choice made above; ");
    } else if (!elsewhere.empty()) {
      remedy = "it belongs at `" + elsewhere + "`";
    } else if (!near.empty()) {
      remedy = "did you mean `" + near + "`?";
    }
    reader->add({ErrorKind::config, entry.where, path.empty() ? entry.key : path + "." + entry.key,
                 "unknown key; " + remedy});
  }
}

}  // namespace invar::options
