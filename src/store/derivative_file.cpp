#include "store/derivative_file.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::store {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

const std::string jacobian_group = "derivatives/jacobian/";

/// A table of products by the names that its files use.
struct ProductNames {
  std::string group;
  std::string factor;
};
const ProductNames jacobian_vector_names = {"derivatives/jacobian_vector/", "direction"};
const ProductNames vector_jacobian_names = {"derivatives/vector_jacobian/", "weight"};

bool has(hid_t file, const std::string& group) {
  return h5::exists(file, "derivatives") && h5::exists(file, group.substr(0, group.size() - 1));
}

[[noreturn]] void throw_shape(const std::string& what) {
  throw Error(ErrorKind::data, fmt::format("{}: not all have the same shape", what));
}

void write_ids(hid_t file, const std::string& group, const std::vector<std::int64_t>& ids,
               std::int64_t first, std::int64_t all) {
  const h5::Handle dataset =
      h5::exists(file, group + "id")
          ? h5::open_dataset(file, group + "id")
          : h5::create_dataset(file, group + "id", H5T_NATIVE_INT64, {static_cast<hsize_t>(all)});
  h5::write_rows(dataset, H5T_NATIVE_INT64, static_cast<hsize_t>(first), ids.size(), ids.data());
}

/// Rows of numbers, `shape` each; as many as `numbers` has.
void write_numbers(hid_t file, const std::string& name, const h5::Shape& shape,
                   const std::vector<double>& numbers, std::int64_t first, std::int64_t all) {
  h5::Shape whole = {static_cast<hsize_t>(all)};
  whole.insert(whole.end(), shape.begin(), shape.end());
  const h5::Handle dataset = h5::exists(file, name)
                                 ? h5::open_dataset(file, name)
                                 : h5::create_dataset(file, name, H5T_NATIVE_DOUBLE, whole);
  if (h5::shape_of(dataset) != whole) {
    throw_shape(name);
  }
  hsize_t per_row = 1;
  for (const hsize_t length : shape) {
    per_row *= length;
  }
  if (per_row > 0) {
    h5::write_rows(dataset, H5T_NATIVE_DOUBLE, static_cast<hsize_t>(first),
                   numbers.size() / per_row, numbers.data());
  }
}

void write(hid_t file, const JacobianTable& table, std::int64_t first, std::int64_t all) {
  if (table.size() == 0) {
    return;
  }
  const Eigen::Index rows = table.values.front().rows();
  const Eigen::Index columns = table.values.front().cols();
  std::vector<double> numbers;
  for (const Eigen::MatrixXd& value : table.values) {
    if (value.rows() != rows || value.cols() != columns) {
      throw_shape(jacobian_group + "values");
    }
    const RowMajor by_rows = value;
    numbers.insert(numbers.end(), by_rows.data(), by_rows.data() + by_rows.size());
  }
  write_numbers(file, jacobian_group + "values",
                {static_cast<hsize_t>(rows), static_cast<hsize_t>(columns)}, numbers, first, all);
  write_ids(file, jacobian_group, table.ids, first, all);
}

void write_vectors(hid_t file, const std::string& name, const std::vector<Eigen::VectorXd>& vectors,
                   std::int64_t first, std::int64_t all) {
  const Eigen::Index size = vectors.front().size();
  std::vector<double> numbers;
  for (const Eigen::VectorXd& vector : vectors) {
    if (vector.size() != size) {
      throw_shape(name);
    }
    numbers.insert(numbers.end(), vector.begin(), vector.end());
  }
  write_numbers(file, name, {static_cast<hsize_t>(size)}, numbers, first, all);
}

void write(hid_t file, const ProductNames& names, const ProductTable& table, std::int64_t first,
           std::int64_t all) {
  if (table.size() == 0) {
    return;
  }
  write_vectors(file, names.group + names.factor, table.factors, first, all);
  write_vectors(file, names.group + "product", table.products, first, all);
  write_ids(file, names.group, table.ids, first, all);
}

JacobianTable read_jacobians(hid_t file) {
  JacobianTable table;
  if (!has(file, jacobian_group)) {
    return table;
  }
  table.ids = h5::read<std::int64_t>(file, jacobian_group + "id");
  h5::Shape shape;
  const std::vector<double> numbers = h5::read_array(file, jacobian_group + "values", 3, shape);
  if (shape[0] != table.ids.size()) {
    throw_shape(jacobian_group + "values");
  }
  const std::size_t size = shape[1] * shape[2];
  for (std::size_t i = 0; i < table.size(); ++i) {
    table.values.emplace_back(Eigen::Map<const RowMajor>(numbers.data() + i * size,
                                                         static_cast<Eigen::Index>(shape[1]),
                                                         static_cast<Eigen::Index>(shape[2])));
  }
  return table;
}

ProductTable read_products(hid_t file, const ProductNames& names) {
  ProductTable table;
  if (!has(file, names.group)) {
    return table;
  }
  table.ids = h5::read<std::int64_t>(file, names.group + "id");
  const auto read = [&](const std::string& name) {
    const Eigen::MatrixXd columns = h5::read_samples(file, names.group + name);
    if (columns.cols() != std::ssize(table.ids)) {
      throw_shape(names.group + name);
    }
    return std::vector<Eigen::VectorXd>(columns.colwise().begin(), columns.colwise().end());
  };
  table.factors = read(names.factor);
  table.products = read("product");
  return table;
}

template <class T>
void append_all(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void append_all(ProductTable& all, const ProductTable& more) {
  append_all(all.ids, more.ids);
  append_all(all.factors, more.factors);
  append_all(all.products, more.products);
}

/// The products of one evaluation, as columns.
void take_products(const ProductTable& table, std::int64_t id, Eigen::MatrixXd& factors,
                   Eigen::MatrixXd& products) {
  const auto [begin, end] = std::equal_range(table.ids.begin(), table.ids.end(), id);
  const std::int64_t count = end - begin;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(begin - table.ids.begin() + i);
    if (i == 0) {
      factors.resize(table.factors[at].size(), count);
      products.resize(table.products[at].size(), count);
    }
    factors.col(i) = table.factors[at];
    products.col(i) = table.products[at];
  }
}

}  // namespace

DerivativesOf derivatives_of(const DerivativeTables& tables, std::int64_t id) {
  DerivativesOf result;
  const std::vector<std::int64_t>& ids = tables.jacobians.ids;
  if (const auto at = std::lower_bound(ids.begin(), ids.end(), id); at != ids.end() && *at == id) {
    result.wanted.jacobian = true;
    result.found.jacobian = tables.jacobians.values[static_cast<std::size_t>(at - ids.begin())];
  }
  take_products(tables.jacobian_vectors, id, result.wanted.directions,
                result.found.jacobian_vectors);
  take_products(tables.vector_jacobians, id, result.wanted.weights, result.found.vector_jacobians);
  return result;
}

void DerivativeTables::append(const DerivativeTables& more) {
  append_all(jacobians.ids, more.jacobians.ids);
  append_all(jacobians.values, more.jacobians.values);
  append_all(jacobian_vectors, more.jacobian_vectors);
  append_all(vector_jacobians, more.vector_jacobians);
}

DerivativeCounts& DerivativeCounts::operator+=(const DerivativeCounts& more) {
  jacobians += more.jacobians;
  jacobian_vectors += more.jacobian_vectors;
  vector_jacobians += more.vector_jacobians;
  return *this;
}

DerivativeCounts counts_of(const DerivativeTables& tables) {
  return {.jacobians = std::ssize(tables.jacobians.ids),
          .jacobian_vectors = std::ssize(tables.jacobian_vectors.ids),
          .vector_jacobians = std::ssize(tables.vector_jacobians.ids)};
}

std::int64_t num_numbers(const DerivativeCounts& counts, std::int64_t num_parameters,
                         std::int64_t num_qois) {
  return counts.jacobians * (num_parameters * num_qois + 1) +
         (counts.jacobian_vectors + counts.vector_jacobians) * (num_parameters + num_qois + 1);
}

void write_derivatives(hid_t file, const DerivativeTables& tables, const DerivativeCounts& first,
                       const DerivativeCounts& all) {
  write(file, tables.jacobians, first.jacobians, all.jacobians);
  write(file, jacobian_vector_names, tables.jacobian_vectors, first.jacobian_vectors,
        all.jacobian_vectors);
  write(file, vector_jacobian_names, tables.vector_jacobians, first.vector_jacobians,
        all.vector_jacobians);
}

DerivativeTables read_derivatives(hid_t file) {
  return {.jacobians = read_jacobians(file),
          .jacobian_vectors = read_products(file, jacobian_vector_names),
          .vector_jacobians = read_products(file, vector_jacobian_names)};
}

}  // namespace invar::store
