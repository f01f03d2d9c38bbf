#include "vi/recording.hpp"

#include <filesystem>
#include <fstream>
#include <limits>

namespace invar::vi::recording {
namespace {

double number_of(const Json& value) {
  // Python writes NaN and infinities as null or text in strict JSON.
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

}  // namespace

Json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    throw Error(ErrorKind::no_input, "cannot read " + path);
  }
  try {
    return Json::parse(file);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::data, path + " is not JSON: " + error.what());
  }
}

const Json& at(const Json& object, const std::string& key) {
  if (!object.is_object() || !object.contains(key)) {
    throw Error(ErrorKind::data, "the recording has no `" + key + "` where it is expected");
  }
  return object.at(key);
}

Eigen::VectorXd vector_of(const Json& list) {
  if (!list.is_array()) {
    throw Error(ErrorKind::data, "expected a list of numbers in the recording");
  }
  Eigen::VectorXd values(static_cast<Eigen::Index>(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    values[static_cast<Eigen::Index>(i)] = number_of(list.at(i));
  }
  return values;
}

Eigen::VectorXd vector_of(const Json& list, Eigen::Index size) {
  Eigen::VectorXd values = vector_of(list);
  if (values.size() != size) {
    throw Error(ErrorKind::data, "expected " + std::to_string(size) +
                                     " numbers in the recording, found " +
                                     std::to_string(values.size()));
  }
  return values;
}

Eigen::MatrixXd matrix_of(const Json& rows) {
  if (!rows.is_array() || rows.empty()) {
    throw Error(ErrorKind::data, "expected a list of rows in the recording");
  }
  const auto num_rows = static_cast<Eigen::Index>(rows.size());
  Eigen::MatrixXd values(num_rows, static_cast<Eigen::Index>(rows.at(0).size()));
  for (Eigen::Index i = 0; i < num_rows; ++i) {
    const Eigen::VectorXd row = vector_of(rows.at(static_cast<std::size_t>(i)));
    if (row.size() != values.cols()) {
      throw Error(ErrorKind::data, "the rows of a matrix in the recording differ in length");
    }
    values.row(i) = row.transpose();
  }
  return values;
}

void Worst::compare(const std::string& what, const Eigen::MatrixXd& found,
                    const Eigen::MatrixXd& expected) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double here = 0.0;
  if (found.rows() != expected.rows() || found.cols() != expected.cols()) {
    here = infinity;
  } else if (expected.size() > 0) {
    double scale = 0.0;
    double distance = 0.0;
    for (Eigen::Index i = 0; i < expected.size(); ++i) {
      const double x = expected.reshaped()[i];
      const double y = found.reshaped()[i];
      if (std::isfinite(x) && std::isfinite(y)) {
        scale = std::max(scale, std::abs(x));
        distance = std::max(distance, std::abs(y - x));
      } else if (!(x == y || (std::isnan(x) && std::isnan(y)))) {
        distance = infinity;
      }
    }
    here = distance == 0.0 ? 0.0 : distance / scale;
  }
  if (where.empty() || here > difference) {
    difference = here;
    where = what;
  }
}

void Worst::compare(const std::string& what, double found, const Json& expected) {
  compare(what, Eigen::MatrixXd::Constant(1, 1, found),
          Eigen::MatrixXd::Constant(1, 1, number_of(expected)));
}

void Worst::compare_text(const std::string& what, const std::string& found,
                         const std::string& expected) {
  if (found != expected) {
    difference = std::numeric_limits<double>::infinity();
    where = what + ": " + found + " instead of " + expected;
  }
}

}  // namespace invar::vi::recording
