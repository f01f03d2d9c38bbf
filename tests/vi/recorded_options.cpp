#include "vi/recorded_options.hpp"

#include "invar/options/no_files.hpp"

namespace invar::vi::recording {

options::Node node_of(const Json& value) {
  if (value.is_object()) {
    options::Node node = options::Node::make_map();
    for (const auto& [key, child] : value.items()) {
      node.set(key, node_of(child));
    }
    return node;
  }
  if (value.is_array()) {
    options::Node node = options::Node::make_sequence();
    for (const Json& child : value) {
      node.items.push_back(node_of(child));
    }
    return node;
  }
  if (value.is_null()) {
    return {};
  }
  return options::Node::make_scalar(value.is_string() ? value.get<std::string>() : value.dump());
}

RunViOptions read_options(const Json& map) {
  options::NoFiles files;
  options::Reader reader(files);
  const options::Node node = node_of(map);
  options::Cursor cursor;
  cursor.node = &node;
  cursor.reader = &reader;
  RunViOptions read;
  run_vi_table().read(cursor, read);
  reader.throw_if_any();
  return read;
}

}  // namespace invar::vi::recording
