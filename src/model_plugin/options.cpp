#include <charconv>
#include <cmath>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "invar/model_plugin/plugin.hpp"

namespace invar::model_plugin {
namespace {

using nlohmann::json;
using options::Cursor;
using options::Node;
using options::Row;

/// A scalar that is not quoted, as YAML's core schema reads it.
json plain_scalar(const std::string& text) {
  if (text == "true" || text == "false") {
    return text == "true";
  }
  if (text == "null" || text == "~") {
    return nullptr;
  }
  const char* const begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto [stop, status] = std::from_chars(begin, end, whole);
      status == std::errc{} && stop == end) {
    return whole;
  }
  double real = 0;
  if (const auto [stop, status] = std::from_chars(begin, end, real);
      status == std::errc{} && stop == end && std::isfinite(real)) {
    return real;
  }
  return text;
}

json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar:
      return node.is_quoted ? json(node.scalar) : plain_scalar(node.scalar);
    case Node::Kind::sequence: {
      json list = json::array();
      for (const Node& item : node.items) {
        list.push_back(to_json(item));
      }
      return list;
    }
    case Node::Kind::map: {
      json map = json::object();
      for (const options::Entry& entry : node.entries) {
        map[entry.key] = to_json(entry.value);
      }
      return map;
    }
  }
  return nullptr;
}

Row<PluginOptions> library_row() {
  Row<PluginOptions> row;
  row.key = "library";
  row.type = "file";
  row.help = "the shared library, relative to the study file; the campaign names its absolute path";
  row.is_required = true;
  row.read = [](const Cursor& at, PluginOptions& target) {
    const auto path = options::read_text(at);
    if (!path) {
      return Node{};
    }
    const options::FileInPlace file = at.reader->files().in_place(*path, true);
    target.library = file.path;
    target.found_checksum = file.checksum;
    return Node::make_text(file.path);
  };
  return row;
}

/// Comes after the library.
Row<PluginOptions> checksum_row() {
  Row<PluginOptions> row;
  row.key = "library_checksum";
  row.type = "text";
  row.help = "of the library's bytes: runs of a library with another one are refused";
  row.default_text = [](const PluginOptions&) { return std::string("the library's"); };
  row.read = [](const Cursor& at, PluginOptions& target) {
    if (at.present()) {
      target.library_checksum = options::read_text(at).value_or("");
    } else {
      target.library_checksum = target.found_checksum;
      if (!target.library.empty() && target.found_checksum.empty()) {
        at.problem("the library `" + target.library + "` cannot be read", ErrorKind::no_input);
      }
    }
    return Node::make_text(target.library_checksum);
  };
  return row;
}

Row<PluginOptions> options_row() {
  Row<PluginOptions> row;
  row.key = "options";
  row.type = "keys";
  row.help = "what the plugin wants to know; it gets them as JSON";
  row.default_text = [](const PluginOptions&) { return std::string("{}"); };
  row.read = [](const Cursor& at, PluginOptions& target) {
    if (!at.present()) {
      return Node::make_map();
    }
    if (at.node->kind != Node::Kind::map) {
      at.problem("expected keys with values, found " + at.node->description());
      return Node::make_map();
    }
    try {
      target.options_json = to_json(*at.node).dump();
    } catch (const json::exception& error) {
      at.problem(std::string("cannot be written as JSON: ") + error.what());
    }
    return *at.node;
  };
  return row;
}

}  // namespace

const options::Table<PluginOptions>& plugin_table() {
  static const options::Table<PluginOptions> table({library_row(), checksum_row(), options_row()});
  return table;
}

}  // namespace invar::model_plugin
