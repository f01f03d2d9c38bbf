#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "invar/core/error.hpp"
#include "invar/options/node.hpp"

namespace invar::options {

/// Something that a campaign does not copy but uses where it is, such as a program or a library.
struct FileInPlace {
  std::string path;       // absolute
  bool is_there = false;  // a path that is absolute in the study is taken as it is
  bool is_folder = false;
  std::string checksum = {};  // of its bytes, where that was wanted and it can be read; else ""
};

/// Gives the bytes and data sets of the files that a study names.
///
/// MPI: Local. On several ranks, rank 0's reads the disk and the others' answers from what rank 0
///      has sent, so that all ranks read the same bytes.
class Files {
 public:
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  Files(Files&&) = delete;
  Files& operator=(Files&&) = delete;
  virtual ~Files() = default;

  /// All bytes of a file; the path is relative to the study file.
  /// @throws Error(no_input)  when it cannot be read
  virtual const std::string& bytes(const std::string& path) = 0;

  /// A one- or two-dimensional data set of numbers in an HDF5 file; a vector comes as one column.
  /// @throws Error(no_input, data)  when the file or the data set cannot be read
  virtual Eigen::MatrixXd dataset(const std::string& path, const std::string& name) = 0;

  /// The name under which a campaign keeps its copy, such as "data/obs.csv".
  virtual std::string stored_name(const std::string& path) = 0;

  /// A file or a folder that stays where it is; where nothing is known of a disk, one that cannot
  /// be read.
  virtual FileInPlace in_place(const std::string& path, bool /*wants_checksum*/ = false) {
    return {.path = path, .is_there = path.starts_with('/')};
  }
};

/// One thing that is wrong with a study.
struct Problem {
  ErrorKind kind = ErrorKind::config;
  Location where = {};
  std::string path = {};  // dotted key
  std::string message = {};
};

/// Collects everything that is wrong, so that all of it is reported at once.
///
/// MPI: Local.
class Reader {
 public:
  /// @param known_paths  dotted keys of the whole study, to say where a misplaced key belongs
  explicit Reader(Files& files, std::vector<std::string> known_paths = {})
      : files_(&files), known_paths_(std::move(known_paths)) {}

  [[nodiscard]] Files& files() const { return *files_; }
  [[nodiscard]] const std::vector<std::string>& known_paths() const { return known_paths_; }
  void add(Problem problem) { problems_.push_back(std::move(problem)); }
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }

  /// @throws Error  listing every problem, one line each; of the kind they share, else `config`
  void throw_if_any() const;

 private:
  Files* files_;
  std::vector<std::string> known_paths_;
  std::vector<Problem> problems_;
};

/// A place in the study that is about to be read; `node` is null where the key is absent.
struct Cursor {
  const Node* node = nullptr;
  std::string path = {};
  Location parent = {};  // of the map that holds the key
  Reader* reader = nullptr;

  [[nodiscard]] bool present() const { return node != nullptr && node->kind != Node::Kind::null; }
  [[nodiscard]] Location where() const { return node != nullptr ? node->where : parent; }
  [[nodiscard]] Cursor child(const std::string& key) const;
  [[nodiscard]] Cursor item(std::size_t index) const;

  /// Records a problem at this place.
  void problem(const std::string& message, ErrorKind kind = ErrorKind::config) const;

  /// Records a problem for every key of this map that is not in `known`, naming the place where
  /// such a key belongs, or else the nearest key.
  void refuse_unknown_keys(const std::vector<std::string>& known) const;
};

/// An interval of allowed numbers; NaN is never one, infinity only where it is said.
struct Range {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  bool is_lower_open = false;
  bool is_upper_open = false;
  bool has_infinity = false;

  [[nodiscard]] bool contains(double value) const;
  [[nodiscard]] std::string text() const;  // ">= 2", "in [0, 0.5)", "" when all are allowed

  /// The same interval with infinity on its open-ended sides.
  [[nodiscard]] Range or_infinite() const {
    Range wider = *this;
    wider.has_infinity = true;
    return wider;
  }

  static Range any() { return {}; }
  static Range at_least(double x) { return {.lower = x}; }
  static Range above(double x) { return {.lower = x, .is_lower_open = true}; }
  static Range between(double a, double b) { return {.lower = a, .upper = b}; }
  static Range between_open_above(double a, double b) {
    return {.lower = a, .upper = b, .is_upper_open = true};
  }
};

/// The typed value at a cursor; none where it is absent or wrong (then a problem is recorded).
std::optional<double> read_real(const Cursor& at, const Range& range = {});
std::optional<std::int64_t> read_integer(const Cursor& at, const Range& range = {});
std::optional<std::uint64_t> read_seed(const Cursor& at);  // in [0, 2^64)
std::optional<bool> read_boolean(const Cursor& at);
std::optional<std::string> read_text(const Cursor& at);

/// Numbers given in place or by a file.
struct Array {
  Eigen::MatrixXd values;  // a scalar is 1 x 1, a list n x 1, a list of rows n x k
  bool is_scalar = false;
  Node resolved;  // what the campaign stores: files by the name of their copy
};

/// What an array may hold; NaN is never allowed.
struct ArrayRules {
  bool has_infinity = false;           // whether infinite entries are allowed
  ErrorKind kind = ErrorKind::config;  // of a wrong number written in place; in a file: data
};

/// Numbers: a scalar, a list, a list of rows, `{file: x.csv, columns: [a, b]}` (a header line, rows
/// as records; without `columns` all of them) or `{file: x.h5, dataset: /y}`; a file may come with
/// `transform: log` or `none`.
///
/// None where it is absent or wrong (then a problem is recorded), as with all these functions.
std::optional<Array> read_array(const Cursor& at, const ArrayRules& rules = {});

/// An array as a vector: one row, one column, or one number that stands for `length` equal ones.
///
/// @param length  required length, or -1 for any
/// @param kind    of the problem of a wrong length
std::optional<Eigen::VectorXd> as_vector(const Cursor& at, const Array& array, Eigen::Index length,
                                         ErrorKind kind = ErrorKind::config);

/// `read_array` and `as_vector` in one, for those who do not store what was resolved.
std::optional<Eigen::VectorXd> read_vector(const Cursor& at, Eigen::Index length);

/// The key nearest to `key` by edit distance, or "" when none is near.
std::string nearest(const std::string& key, const std::vector<std::string>& known);

}  // namespace invar::options
