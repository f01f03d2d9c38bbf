#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "invar/core/error.hpp"
#include "invar/options/node.hpp"
#include "invar/options/reader.hpp"

namespace invar::test {

inline options::Node scalar(const std::string& text) {
  return options::Node::make_scalar(text);
}

inline options::Node quoted(const std::string& text) {
  return options::Node::make_text(text);
}

inline options::Node list(std::vector<options::Node> items) {
  options::Node node = options::Node::make_sequence();
  node.items = std::move(items);
  return node;
}

/// A list of plain scalars.
inline options::Node scalars(const std::vector<std::string>& texts) {
  options::Node node = options::Node::make_sequence();
  for (const std::string& text : texts) {
    node.items.push_back(scalar(text));
  }
  return node;
}

inline options::Node map(const std::vector<std::pair<std::string, options::Node>>& entries) {
  options::Node node = options::Node::make_map();
  for (const auto& [key, value] : entries) {
    node.set(key, value);
  }
  return node;
}

/// Files that stand in memory.
class MemoryFiles : public options::Files {
 public:
  std::map<std::string, std::string> texts;
  std::map<std::string, Eigen::MatrixXd> datasets;  // by "path:name"

  const std::string& bytes(const std::string& path) override {
    if (texts.count(path) == 0) {
      throw Error(ErrorKind::no_input, "cannot read `" + path + "`: there is no such file");
    }
    return texts.at(path);
  }

  Eigen::MatrixXd dataset(const std::string& path, const std::string& name) override {
    const std::string key = path + ":" + name;
    if (datasets.count(key) == 0) {
      throw Error(ErrorKind::data, "`" + path + "` has no data set `" + name + "`");
    }
    return datasets.at(key);
  }

  std::string stored_name(const std::string& path) override {
    return "data/" + path.substr(path.rfind('/') + 1);
  }
};

}  // namespace invar::test
