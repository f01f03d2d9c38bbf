#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "invar/options/no_files.hpp"
#include "invar/options/reader.hpp"

namespace invar::options {

/// What `invar explain` and the README say about a key.
struct Description {
  std::string path;  // dotted
  std::string type;
  std::string unit;  // "" for none
  std::string default_text;
  std::string allowed;
  std::string help;
  std::string condition = {};  // of a key that is there only sometimes, such as "type: linear"
};

/// One key of an options struct `T`: how it is read, and how it is explained.
template <class T>
struct Row {
  std::string key;
  std::string type;
  std::string help;
  std::string unit = {};
  std::string allowed = {};
  std::string condition = {};  // as in `Description`
  bool is_required = false;
  /// Reads the cursor into the target (already holding its defaults); gives what was resolved.
  std::function<Node(const Cursor&, T&)> read = {};
  /// The default as text.
  std::function<std::string(const T&)> default_text = {};
  /// Keys below this one, for explaining; paths relative to this key.
  std::vector<Description> children = {};
};

/// A name for an enumerator, with other spellings that are accepted.
template <class E>
struct Choice {
  // A constructor, because g++ 12 fails on lists of this struct as an aggregate.
  Choice(E a_value, std::string a_name, std::vector<std::string> some_aliases = {})
      : value(a_value), name(std::move(a_name)), aliases(std::move(some_aliases)) {}

  E value;
  std::string name;
  std::vector<std::string> aliases;
};

/// Lower case without blanks around, as names of choices are compared.
std::string normalized(const std::string& text);

/// The one table per options struct: it drives parsing, messages, `invar explain` and the README.
///
/// MPI: Local.
template <class T>
class Table {
 public:
  explicit Table(std::vector<Row<T>> rows) : rows_(std::move(rows)) {}

  [[nodiscard]] const std::vector<Row<T>>& rows() const { return rows_; }

  /// Reads a map into `target`; problems are recorded in the cursor's reader.
  ///
  /// @param also_known  keys of the same map that others read
  /// @return            the resolved map: every key with its value and origin
  Node read(const Cursor& at, T& target, const std::vector<std::string>& also_known = {}) const {
    Node resolved = Node::make_map();
    if (at.present() && at.node->kind != Node::Kind::map) {
      at.problem("expected keys with values, found " + at.node->description());
      return resolved;
    }
    std::vector<std::string> known = also_known;
    for (const Row<T>& row : rows_) {
      known.push_back(row.key);
    }
    if (at.present()) {
      at.refuse_unknown_keys(known);
    }
    for (const Row<T>& row : rows_) {
      const Cursor child = at.child(row.key);
      if (row.is_required && !child.present()) {
        child.problem("is required: " + row.help);
        continue;
      }
      Node value = row.read(child, target);
      value.origin = child.present() ? child.node->origin : Origin::default_value;
      resolved.set(row.key, std::move(value));
    }
    return resolved;
  }

  /// Holds options that no study gave against the rules for those that one gives: they are written
  /// out as a study and read again.
  /// @pre the options name no files
  /// @throws Error(config)  naming every key whose value is not allowed
  void require_allowed(const T& options) const {
    NoFiles files;
    Reader writer(files);
    T copy = options;
    const Node written = read(Cursor{.reader = &writer}, copy);
    Reader reader(files);
    T unused;
    read(Cursor{.node = &written, .reader = &reader}, unused);
    reader.throw_if_any();
  }

  /// Every key with its explanation, paths prefixed by `prefix` and a dot.
  [[nodiscard]] std::vector<Description> describe(const std::string& prefix) const {
    std::vector<Description> all;
    const T defaults{};
    const std::string stem = prefix.empty() ? "" : prefix + ".";
    for (const Row<T>& row : rows_) {
      all.push_back({stem + row.key, row.type, row.unit,
                     row.is_required    ? "required"
                     : row.default_text ? row.default_text(defaults)
                                        : "",
                     row.allowed, row.help, row.condition});
      for (Description child : row.children) {
        child.path = stem + row.key + "." + child.path;
        all.push_back(std::move(child));
      }
    }
    return all;
  }

 private:
  std::vector<Row<T>> rows_;
};

/// A real number.
template <class T>
Row<T> real(const std::string& key, double T::*member, Range range, const std::string& help,
            const std::string& unit = "") {
  return {.key = key,
          .type = "number",
          .help = help,
          .unit = unit,
          .allowed = range.text(),
          .read =
              [member, range](const Cursor& at, T& target) {
                if (const auto value = read_real(at, range)) {
                  target.*member = *value;
                }
                return Node::make_real(target.*member);
              },
          .default_text = [member](const T& value) { return real_text(value.*member); }};
}

/// A real number or none (nothing, or the word).
template <class T>
Row<T> optional_real(const std::string& key, std::optional<double> T::*member, Range range,
                     const std::string& help, const std::string& unit = "") {
  return {.key = key,
          .type = "number or none",
          .help = help,
          .unit = unit,
          .allowed = range.text(),
          .read =
              [member, range](const Cursor& at, T& target) {
                const bool is_none = at.present() && at.node->kind == Node::Kind::scalar &&
                                     normalized(at.node->scalar) == "none";
                if (is_none) {
                  target.*member = std::nullopt;
                } else if (const auto value = read_real(at, range)) {
                  target.*member = *value;
                }
                return target.*member ? Node::make_real(*(target.*member)) : Node{};
              },
          .default_text =
              [member](const T& value) {
                return value.*member ? real_text(*(value.*member)) : std::string("none");
              }};
}

/// The seed of all random numbers, a whole number of 64 bits.
template <class T>
Row<T> seed(const std::string& key, std::uint64_t T::*member) {
  const auto text_of = [member](const T& value) { return std::to_string(value.*member); };
  return {.key = key,
          .type = "whole number",
          .help = "all random numbers are a function of this",
          .allowed = "in [0, 2^64)",
          .read =
              [member, text_of](const Cursor& at, T& target) {
                if (const auto value = read_seed(at)) {
                  target.*member = *value;
                }
                return Node::make_scalar(text_of(target));
              },
          .default_text = text_of};
}

/// A whole number; `Integer` is any integral type.
template <class T, class Integer>
Row<T> integer(const std::string& key, Integer T::*member, Range range, const std::string& help,
               const std::string& unit = "") {
  return {.key = key,
          .type = "whole number",
          .help = help,
          .unit = unit,
          .allowed = range.text(),
          .read =
              [member, range](const Cursor& at, T& target) {
                const auto value = read_integer(at, range);
                if (value && std::in_range<Integer>(*value)) {
                  target.*member = static_cast<Integer>(*value);
                } else if (value) {
                  at.problem("expected a whole number <= " +
                             std::to_string(std::numeric_limits<Integer>::max()) + ", found " +
                             at.node->description());
                }
                return Node::make_scalar(std::to_string(target.*member));
              },
          .default_text = [member](const T& value) { return std::to_string(value.*member); }};
}

/// true or false.
template <class T>
Row<T> boolean(const std::string& key, bool T::*member, const std::string& help) {
  return {.key = key,
          .type = "true or false",
          .help = help,
          .read =
              [member](const Cursor& at, T& target) {
                if (const auto value = read_boolean(at)) {
                  target.*member = *value;
                }
                return Node::make_scalar(target.*member ? "true" : "false");
              },
          .default_text = [member](const T& value) { return value.*member ? "true" : "false"; }};
}

/// Text.
template <class T>
Row<T> text(const std::string& key, std::string T::*member, const std::string& help) {
  return {.key = key,
          .type = "text",
          .help = help,
          .read =
              [member](const Cursor& at, T& target) {
                if (const auto value = read_text(at)) {
                  target.*member = *value;
                }
                return Node::make_text(target.*member);
              },
          .default_text = [member](const T& value) { return "\"" + value.*member + "\""; }};
}

/// One of several names; upper and lower case and blanks around do not matter.
template <class T, class E>
Row<T> choice(const std::string& key, E T::*member, std::vector<Choice<E>> choices,
              const std::string& help) {
  std::string allowed;
  for (const Choice<E>& one : choices) {
    allowed += (allowed.empty() ? "" : ", ") + one.name;
    for (std::size_t i = 0; i < one.aliases.size(); ++i) {
      allowed += (i == 0 ? " (or " : ", ") + one.aliases[i];
    }
    allowed += one.aliases.empty() ? "" : ")";
  }
  const auto name_of = [choices](E value) {
    for (const Choice<E>& one : choices) {
      if (one.value == value) {
        return one.name;
      }
    }
    return std::string();
  };
  return {.key = key,
          .type = "name",
          .help = help,
          .allowed = allowed,
          .read =
              [member, choices, allowed, name_of](const Cursor& at, T& target) {
                if (const auto given = read_text(at)) {
                  const std::string wanted = normalized(*given);
                  bool is_found = false;
                  std::vector<std::string> names;
                  for (const Choice<E>& one : choices) {
                    names.push_back(one.name);
                    names.insert(names.end(), one.aliases.begin(), one.aliases.end());
                    bool matches = wanted == one.name;
                    for (const std::string& alias : one.aliases) {
                      matches = matches || wanted == alias;
                    }
                    if (matches) {
                      target.*member = one.value;
                      is_found = true;
                    }
                  }
                  if (!is_found) {
                    const std::string near = nearest(wanted, names);
                    at.problem("expected one of " + allowed + ", found `" + *given + "`" +
                               (near.empty() ? "" : "; did you mean `" + near + "`?"));
                  }
                }
                return Node::make_scalar(name_of(target.*member));
              },
          .default_text = [member, name_of](const T& value) { return name_of(value.*member); }};
}

/// A key with a reading function of its own; more is set on the row that is returned.
template <class T>
Row<T> custom(const std::string& key, const std::string& type, const std::string& help,
              std::function<Node(const Cursor&, T&)> read) {
  Row<T> row;
  row.key = key;
  row.type = type;
  row.help = help;
  row.read = std::move(read);
  return row;
}

/// A table inside a table.
template <class T, class S>
Row<T> nested(const std::string& key, S T::*member, const Table<S>& table,
              const std::string& help) {
  return {.key = key,
          .type = "keys",
          .help = help,
          .read = [member, table](const Cursor& at,
                                  T& target) { return table.read(at, target.*member); },
          .children = table.describe("")};
}

}  // namespace invar::options
