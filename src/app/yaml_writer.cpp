#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "app/yaml.hpp"
#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Node;
using options::Origin;

constexpr std::size_t line_width = 100;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// Whether a scalar needs no quotes: the characters of numbers and names, but not of null.
bool is_plain(const std::string& text) {
  constexpr std::string_view others = "_.+-/";
  const bool has_plain_characters = std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
  const bool is_null = text == "null" || text == "Null" || text == "NULL";
  const bool is_marker = text == "-" || text.starts_with("---") || text.starts_with("...");
  return !text.empty() && has_plain_characters && !is_null && !is_marker;
}

std::string scalar_text(const Node& node) {
  return node.is_quoted || !is_plain(node.scalar) ? quoted(node.scalar) : node.scalar;
}

std::string key_text(const std::string& key) {
  return is_plain(key) ? key : quoted(key);
}

/// A node in one line.
std::string flow_text(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::scalar:
      return scalar_text(node);
    case Node::Kind::sequence:
      for (const Node& item : node.items) {
        out += (out.empty() ? "" : ", ") + flow_text(item);
      }
      return "[" + out + "]";
    case Node::Kind::map:
      for (const options::Entry& entry : node.entries) {
        out += (out.empty() ? "" : ", ") + key_text(entry.key) + ": " + flow_text(entry.value);
      }
      return "{" + out + "}";
  }
  return out;
}

/// A list in as many lines as it needs; the first one continues a line of `column` characters.
std::string wrapped_list(const Node& node, std::size_t column, const std::string& indent) {
  std::string out = "[";
  column += 1;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string item = flow_text(node.items[i]) + (i + 1 < node.items.size() ? "," : "]");
    if (column + 1 + item.size() > line_width && i > 0) {
      out += "\n" + indent;
      column = indent.size();
    } else if (i > 0) {
      out += " ";
      ++column;
    }
    out += item;
    column += item.size();
  }
  return node.items.empty() ? "[]" : out;
}

const char* comment(Origin origin) {
  switch (origin) {
    case Origin::default_value:
      return "  # default";
    case Origin::file:
      return "  # file";
    case Origin::command_line:
      return "  # command line";
  }
  return "";
}

void write_map(const Node& map, const std::string& indent, std::string& out) {
  for (const options::Entry& entry : map.entries) {
    const Node& value = entry.value;
    const std::string start = indent + key_text(entry.key) + ":";
    const bool has_rows =
        value.kind == Node::Kind::sequence &&
        std::any_of(value.items.begin(), value.items.end(), [](const Node& item) {
          return item.kind == Node::Kind::sequence || item.kind == Node::Kind::map;
        });
    if (value.kind == Node::Kind::map && !value.entries.empty()) {
      out += start + "\n";
      write_map(value, indent + "  ", out);
    } else if (has_rows) {
      out += start + comment(value.origin) + "\n";
      for (const Node& item : value.items) {
        const std::string dash = indent + "  - ";
        out += dash;
        out += item.kind == Node::Kind::sequence ? wrapped_list(item, dash.size(), indent + "    ")
                                                 : flow_text(item);
        out += "\n";
      }
    } else {
      out += start + " ";
      out += value.kind == Node::Kind::sequence
                 ? wrapped_list(value, start.size() + 1, indent + "    ")
                 : flow_text(value);
      out += std::string(comment(value.origin)) + "\n";
    }
  }
}

}  // namespace

std::string yaml_text(const Node& root) {
  INVAR_EXPECTS(root.kind == Node::Kind::map);
  if (root.entries.empty()) {
    return "{}\n";
  }
  std::string out;
  write_map(root, "", out);
  return out;
}

}  // namespace invar::app
