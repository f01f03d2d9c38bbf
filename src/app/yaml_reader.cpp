#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "app/yaml.hpp"
#include "invar/core/error.hpp"

namespace invar::app {
namespace {

using options::Location;
using options::Node;

std::size_t num_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) {
    count += num_nodes(item);
  }
  for (const options::Entry& entry : node.entries) {
    count += num_nodes(entry.value);
  }
  return count;
}

/// Builds the tree from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string name, options::Origin origin) : name_(std::move(name)), origin_(origin) {
    root_.where = {name_, 1, 1};
  }

  [[nodiscard]] const Node& root() const { return root_; }
  [[nodiscard]] const std::string& problems() const { return problems_; }

  [[nodiscard]] Location place(const YAML::Mark& mark) const {
    return {name_, mark.line + 1, mark.column + 1};
  }

  void add_problem(const Location& where, const std::string& message) {
    problems_ += fmt::format("{}{}: {}", problems_.empty() ? "" : "\n", where.text(), message);
  }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::null, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    constexpr std::size_t max_copied_nodes = 1'000'000;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      add_problem(place(mark),
                  "expected an alias of what ends before it, found one of what it is "
                  "part of");
      add(make(Node::Kind::null, mark), 0);
      return;
    }
    num_copied_nodes_ += num_nodes(found->second);
    if (num_copied_nodes_ > max_copied_nodes) {
      throw Error(ErrorKind::config, place(mark).text() +
                                         ": the aliases of this file stand for "
                                         "more than a million values; write "
                                         "them to a data file");
    }
    add(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::scalar, mark);
    node.scalar = value;
    node.is_quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    const bool is_known = tag.empty() || tag == "?" || tag.starts_with("tag:yaml.org,2002:");
    if (!is_known && !node.is_quoted) {
      add_problem(node.where, "unknown tag `" + tag + "`; remove it");
    }
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({.node = make(Node::Kind::sequence, mark), .anchor = anchor});
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({.node = make(Node::Kind::map, mark), .anchor = anchor});
  }

  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come yet.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key = {};  // of a map, when its value is next
  };

  [[nodiscard]] Node make(Node::Kind kind, const YAML::Mark& mark) const {
    Node node;
    node.kind = kind;
    node.where = place(mark);
    node.origin = origin_;
    return node;
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == Node::Kind::sequence) {
      open_.back().node.items.push_back(std::move(node));
    } else if (!open_.back().key) {
      if (node.kind != Node::Kind::scalar) {
        add_problem(node.where, "expected a key, found " + node.description());
      }
      open_.back().key = std::move(node);
    } else {
      add_entry(open_.back(), std::move(node));
    }
  }

  void add_entry(Open& map, Node value) {
    const Node key = *std::exchange(map.key, std::nullopt);
    for (const options::Entry& entry : map.node.entries) {
      if (entry.key == key.scalar && key.kind == Node::Kind::scalar) {
        add_problem(key.where, fmt::format("the key `{}` stands at {} already; remove one of them",
                                           key.scalar, entry.where.text()));
      }
    }
    map.node.entries.push_back({key.scalar, key.where, std::move(value)});
  }

  std::string name_;
  options::Origin origin_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t num_copied_nodes_ = 0;
  std::string problems_;
};

}  // namespace

Node parse_yaml(const std::string& text, const std::string& name, options::Origin origin) {
  std::istringstream stream(text);
  TreeBuilder builder(name, origin);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    TreeBuilder second(name, origin);
    if (parser.HandleNextDocument(second)) {
      builder.add_problem(second.root().where, "expected one document, found another after `---`");
    }
  } catch (const YAML::Exception& error) {
    builder.add_problem(builder.place(error.mark), "this is no YAML: " + error.msg);
  }
  if (!builder.problems().empty()) {
    throw Error(ErrorKind::config, builder.problems());
  }
  return builder.root();
}

}  // namespace invar::app
