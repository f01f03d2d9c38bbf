#include "app/overrides.hpp"

#include <algorithm>
#include <utility>

#include "app/yaml.hpp"
#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Node;

[[noreturn]] void fail(const std::string& assignment, const std::string& why) {
  throw Error(ErrorKind::usage, "--set " + assignment + ": " + why +
                                    "; expected key=value such as inference.sample_size=64");
}

std::vector<std::string> split_path(const std::string& assignment, const std::string& path) {
  std::vector<std::string> keys;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    keys.push_back(path.substr(begin, end - begin));
    if (keys.back().empty() || keys.back().find_first_of(" \t") != std::string::npos) {
      fail(assignment, "`" + path + "` is no dotted key");
    }
    begin = end + 1;
  }
  return keys;
}

/// The place of every value given on the command line.
void set_place(Node& node) {
  node.where = {.file = "command line"};
  for (Node& item : node.items) {
    set_place(item);
  }
  for (options::Entry& entry : node.entries) {
    entry.where = node.where;
    set_place(entry.value);
  }
}

Node parse_value(const std::string& assignment, const std::string& text) {
  try {
    Node value = parse_yaml(text, "value", options::Origin::command_line);
    value.origin = options::Origin::command_line;  // also of an empty value
    set_place(value);
    return value;
  } catch (const Error& error) {
    fail(assignment, error.what());
  }
}

}  // namespace

void apply_override(Node& root, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos) {
    fail(assignment, "there is no `=`");
  }
  const std::string path = assignment.substr(0, equals);
  const std::vector<std::string> keys = split_path(assignment, path);
  Node* node = &root;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (node->kind == Node::Kind::null) {
      node->kind = Node::Kind::map;
    } else if (node->kind != Node::Kind::map) {
      fail(assignment,
           "the value above `" + keys[i] + "` is " + node->description() + ", which has no keys");
    }
    Node* child = node->find(keys[i]);
    if (child == nullptr) {
      Node made;
      made.origin = options::Origin::command_line;
      set_place(made);
      child = &node->set(keys[i], std::move(made));
    }
    node = child;
  }
  *node = parse_value(assignment, assignment.substr(equals + 1));
}

options::Node parse_study(const std::string& text, const std::string& name,
                          const std::vector<std::string>& overrides) {
  Node root = parse_yaml(text, name);
  for (const std::string& assignment : overrides) {
    apply_override(root, assignment);
  }
  return root;
}

}  // namespace invar::app
