#include "invar/options/node.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::options {

std::string Location::text() const {
  return line > 0 ? fmt::format("{}:{}:{}", file, line, column) : file;
}

Node Node::make_scalar(std::string text) {
  Node node;
  node.kind = Kind::scalar;
  node.scalar = std::move(text);
  return node;
}

Node Node::make_text(std::string text) {
  Node node = make_scalar(std::move(text));
  node.is_quoted = true;
  return node;
}

Node Node::make_real(double value) {
  return make_scalar(real_text(value));
}

Node Node::make_map() {
  Node node;
  node.kind = Kind::map;
  return node;
}

Node Node::make_sequence() {
  Node node;
  node.kind = Kind::sequence;
  return node;
}

const Node* Node::find(const std::string& key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) {
      return &entry.value;
    }
  }
  return nullptr;
}

Node* Node::find(const std::string& key) {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

Node& Node::set(const std::string& key, Node value) {
  INVAR_EXPECTS(kind == Kind::map);
  for (Entry& entry : entries) {
    if (entry.key == key) {
      entry.value = std::move(value);
      return entry.value;
    }
  }
  const Location where_key = value.where;
  entries.push_back({key, where_key, std::move(value)});
  return entries.back().value;
}

const Node* Node::find_path(const std::string& dotted) const {
  const Node* node = this;
  std::size_t begin = 0;
  while (node != nullptr && begin <= dotted.size()) {
    const std::size_t end = std::min(dotted.find('.', begin), dotted.size());
    node = node->find(dotted.substr(begin, end - begin));
    begin = end + 1;
  }
  return node;
}

std::string Node::description() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return scalar.size() <= 60 ? "`" + scalar + "`" : "`" + scalar.substr(0, 60) + "...`";
    case Kind::sequence:
      return fmt::format("a list of {}", items.size());
    case Kind::map: {
      std::string keys;
      for (const Entry& entry : entries) {
        keys += (keys.empty() ? "" : ", ") + entry.key;
      }
      return "keys {" + keys + "}";
    }
  }
  return "";
}

bool Node::same_value(const Node& other) const {
  if (kind != other.kind || scalar != other.scalar || items.size() != other.items.size() ||
      entries.size() != other.entries.size()) {
    return false;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].same_value(other.items[i])) {
      return false;
    }
  }
  for (const Entry& entry : entries) {
    const Node* twin = other.find(entry.key);
    if (twin == nullptr || !entry.value.same_value(*twin)) {
      return false;
    }
  }
  return true;
}

std::string real_text(double value) {
  if (std::isnan(value)) {
    return ".nan";
  }
  if (std::isinf(value)) {
    return value > 0 ? ".inf" : "-.inf";
  }
  return fmt::format("{}", value);
}

}  // namespace invar::options
