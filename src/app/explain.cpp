#include "app/explain.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Description;

/// The keys of one map of the study.
struct Section {
  std::string path;  // "" for the top level
  std::vector<Description> keys;
};

std::string section_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

std::vector<Section> sections_of(const std::vector<Description>& keys) {
  std::vector<Section> sections;
  for (const Description& key : keys) {
    const std::string path = section_of(key.path);
    auto found = std::find_if(sections.begin(), sections.end(),
                              [&path](const Section& s) { return s.path == path; });
    if (found == sections.end()) {
      found = sections.insert(sections.end(), Section{path, {}});
    }
    found->keys.push_back(key);
  }
  return sections;
}

/// The key itself and all below it.
std::vector<Description> chosen(const std::vector<Description>& keys, const std::string& key) {
  std::vector<Description> found;
  std::vector<std::string> paths;
  for (const Description& one : keys) {
    if (key.empty() || one.path == key || one.path.starts_with(key + ".")) {
      found.push_back(one);
    }
    paths.push_back(one.path);
  }
  if (!found.empty()) {
    return found;
  }
  // `sample_size` alone means inference.sample_size; a typo means the nearest.
  std::set<std::string> near;
  for (const std::string& path : paths) {
    if (last_part(path) == last_part(key)) {
      near.insert(path);
    }
  }
  if (near.empty()) {
    std::vector<std::string> parts;
    for (const std::string& path : paths) {
      parts.push_back(last_part(path));
    }
    const std::string whole = options::nearest(key, paths);
    const std::string part = options::nearest(last_part(key), parts);
    for (const std::string& path : paths) {
      if (path == whole || (whole.empty() && !part.empty() && last_part(path) == part)) {
        near.insert(path);
      }
    }
  }
  throw Error(ErrorKind::usage, fmt::format("there is no key `{}`; {}", key,
                                            near.empty() ? "`invar explain` lists them all"
                                                         : fmt::format("did you mean `{}`?",
                                                                       fmt::join(near, "`, `"))));
}

/// "number; default 0.5; allowed: > 0; unit: s"
std::string facts(const Description& key) {
  std::string out = key.type;
  if (key.default_text == "required") {
    out += "; required";
  } else if (!key.default_text.empty()) {
    out += "; default: " + key.default_text;
  }
  out += key.allowed.empty() ? "" : "; allowed: " + key.allowed;
  out += key.unit.empty() ? "" : "; unit: " + key.unit;
  out += key.condition.empty() ? "" : "; with " + key.condition;
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace

std::string explain_text(const std::vector<Description>& keys, const std::string& key) {
  std::string out;
  for (const Section& section : sections_of(chosen(keys, key))) {
    out += out.empty() ? "" : "\n";
    out += section.path.empty() ? "" : section.path + ":\n";
    const std::string indent = section.path.empty() ? "" : "  ";
    for (const Description& one : section.keys) {
      out += fmt::format("{0}{1}: {2}\n{0}    {3}\n", indent, last_part(one.path), facts(one),
                         one.help);
    }
  }
  return out;
}

std::string explain_markdown(const std::vector<Description>& keys, const std::string& key) {
  std::string out;
  for (const Section& section : sections_of(chosen(keys, key))) {
    out += out.empty() ? "" : "\n";
    out += section.path.empty() ? "**the study**\n\n" : "**`" + section.path + "`**\n\n";
    out += "| key | type | unit | default | allowed | meaning |\n|---|---|---|---|---|---|\n";
    for (const Description& one : section.keys) {
      const std::string condition =
          one.condition.empty() ? "" : fmt::format(" (with `{}`)", one.condition);
      out += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", last_part(one.path),
                         escaped(one.type), escaped(one.unit), escaped(one.default_text),
                         escaped(one.allowed), escaped(one.help + condition));
    }
  }
  return out;
}

}  // namespace invar::app
