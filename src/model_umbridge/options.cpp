#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "invar/model_umbridge/umbridge.hpp"
#include "model_umbridge/connection.hpp"

namespace invar::model_umbridge {
namespace {

using nlohmann::json;
using options::Cursor;
using options::Node;

bool take_url(const Cursor& at, std::vector<std::string>& urls) {
  const auto url = options::read_text(at);
  if (!url) {
    return false;
  }
  if (!parse_url(*url)) {
    at.problem("expected an address such as http://localhost:4242, found " +
               at.node->description());
    return false;
  }
  urls.push_back(*url);
  return true;
}

options::Row<UmbridgeOptions> url_row() {
  auto row = options::custom<UmbridgeOptions>(
      "url", "text or list of texts",
      "the server, such as http://localhost:4242; or a list of servers, over which the groups of "
      "ranks are spread",
      [](const Cursor& at, UmbridgeOptions& target) {
        if (!at.present()) {
          return Node{};
        }
        if (at.node->kind != Node::Kind::sequence) {
          take_url(at, target.urls);
        } else if (at.node->items.empty()) {
          at.problem("expected at least one address, found an empty list");
        } else {
          for (std::size_t i = 0; i < at.node->items.size(); ++i) {
            take_url(at.item(i), target.urls);
          }
        }
        return *at.node;
      });
  row.is_required = true;
  return row;
}

/// A study's values as JSON; plain words that are numbers or truth values become those.
json as_json(const Cursor& at) {
  const Node& node = *at.node;
  switch (node.kind) {
    case Node::Kind::null:
      return nullptr;
    case Node::Kind::scalar: {
      if (node.is_quoted) {
        return node.scalar;
      }
      json value = json::parse(node.scalar, nullptr, false);
      return value.is_number() || value.is_boolean() ? value : json(node.scalar);
    }
    case Node::Kind::sequence: {
      json items = json::array();
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        items.push_back(as_json(at.item(i)));
      }
      return items;
    }
    case Node::Kind::map: {
      json keys = json::object();
      for (const options::Entry& entry : node.entries) {
        keys[entry.key] = as_json(at.child(entry.key));
      }
      return keys;
    }
  }
  return nullptr;
}

options::Row<UmbridgeOptions> config_row() {
  auto row = options::custom<UmbridgeOptions>(
      "config", "keys", "handed on to the server's model as they are",
      [](const Cursor& at, UmbridgeOptions& target) {
        if (!at.present()) {
          return Node::make_map();
        }
        if (at.node->kind != Node::Kind::map) {
          at.problem("expected keys with values, found " + at.node->description());
          return Node{};
        }
        target.config = as_json(at).dump(-1, ' ', false, json::error_handler_t::replace);
        return *at.node;
      });
  row.default_text = [](const UmbridgeOptions&) { return std::string("{}"); };
  return row;
}

}  // namespace

const options::Table<UmbridgeOptions>& umbridge_table() {
  static const options::Table<UmbridgeOptions> table({
      url_row(),
      options::text("name", &UmbridgeOptions::name,
                    "of the model there; may be left out where there is only one"),
      config_row(),
      options::real("start_timeout_s", &UmbridgeOptions::start_timeout_s,
                    options::Range::above(0.0), "for the first answer of a server that starts",
                    "s"),
      options::integer("connection_retries", &UmbridgeOptions::connection_retries,
                       options::Range::between(0, 1000),
                       "further attempts after an error of the connection, on the next server if "
                       "there is one"),
  });
  return table;
}

void add_umbridge_model(model::ModelRegistry& registry) {
  auto type = model::make_model_type<UmbridgeOptions>(
      "umbridge", "a model on a server that speaks the UM-Bridge protocol", umbridge_table(),
      [](const UmbridgeOptions& options, const model::ProblemSizes&, MPI_Comm group) {
        return make_umbridge_model(options, group);
      });
  type.keeps_timeout = true;
  type.harmless_keys = {"url", "start_timeout_s", "connection_retries"};
  registry.add(std::move(type));
}

}  // namespace invar::model_umbridge
