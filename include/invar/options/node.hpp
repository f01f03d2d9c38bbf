#pragma once

#include <string>
#include <vector>

namespace invar::options {

/// Where a value of the study was written.
struct Location {
  std::string file;  // empty: nowhere (a default)
  int line = 0;      // from 1
  int column = 0;    // from 1

  /// "study.yaml:12:5", or "command line", or "".
  [[nodiscard]] std::string text() const;
};

/// Who chose a value.
enum class Origin { default_value, file, command_line };

struct Entry;

/// A study before it is typed: scalars, lists and maps, each knowing its place and origin.
///
/// Free of any YAML library, so that every module can say how its options are read.
/// MPI: Local.
struct Node {
  enum class Kind { null, scalar, sequence, map };

  Kind kind = Kind::null;
  std::string scalar;          // of a scalar, as written
  bool is_quoted = false;      // a quoted scalar is always text
  std::vector<Node> items;     // of a sequence
  std::vector<Entry> entries;  // of a map, in the order written
  Location where;
  Origin origin = Origin::default_value;

  [[nodiscard]] static Node make_scalar(std::string text);
  [[nodiscard]] static Node make_text(std::string text);  // as a quoted scalar
  [[nodiscard]] static Node make_real(double value);
  [[nodiscard]] static Node make_map();
  [[nodiscard]] static Node make_sequence();

  /// The value of `key` of a map, or null.
  [[nodiscard]] const Node* find(const std::string& key) const;
  [[nodiscard]] Node* find(const std::string& key);

  /// Adds `key` to a map (replaces it where it is there already).
  Node& set(const std::string& key, Node value);

  /// The value under a dotted path such as "inference.sample_size", or null.
  [[nodiscard]] const Node* find_path(const std::string& dotted) const;

  /// "a number", "a list of 3", ... for messages.
  [[nodiscard]] std::string description() const;

  /// Same structure and values, whatever the places and origins.
  [[nodiscard]] bool same_value(const Node& other) const;
};

/// One key of a map.
struct Entry {
  std::string key;
  Location where;  // of the key
  Node value;
};

/// The shortest text that reads back as the same double; ".inf", "-.inf" and ".nan" as in YAML.
std::string real_text(double value);

}  // namespace invar::options
