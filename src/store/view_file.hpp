#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "invar/store/view.hpp"
#include "store/derivative_file.hpp"
#include "store/hdf5.hpp"
#include "store/segment.hpp"

namespace invar::store {

/// Writes campaign.h5 piece by piece: made whole under a temporary name, then renamed.
///
/// Dimensions of arrays are named by dimension scales, where netCDF4 looks for them: in the array's
/// own group or above it.
class ViewFile {
 public:
  /// How many rows the tables will have.
  struct Size {
    std::int64_t num_evaluations = 0;
    std::int64_t num_rounds = 0;
    std::int64_t num_speculative = 0;
    DerivativeCounts derivatives = {};
  };

  /// @throws Error(io)  when there is no room on the disk, among others
  ViewFile(std::filesystem::path path, const View& view, Size size);
  ViewFile(const ViewFile&) = delete;
  ViewFile& operator=(const ViewFile&) = delete;
  ViewFile(ViewFile&&) = delete;
  ViewFile& operator=(ViewFile&&) = delete;
  ~ViewFile() = default;

  /// Adds the rows of a segment; segments come in order.
  /// @throws Error(data)  when it has other numbers of parameters or QoIs than the view
  void append(const Segment& segment);

  /// Gives the file its name.
  void finish();

 private:
  void write_axes();
  void write_problem();
  void create_runs(const std::string& table);
  void create_evaluations();
  void create_rounds();
  void write_posterior();
  /// @return the QoIs that were written
  Eigen::MatrixXd append_runs(const std::string& table, std::int64_t first,
                              const RunColumns& columns);
  void append_evaluations(const EvaluationColumns& columns);
  void append_rounds(const RoundColumns& columns);

  /// Makes a dataset whose axes are the named dimensions.
  h5::Handle create(const std::string& name, hid_t type, const std::vector<std::string>& axes,
                    const std::string& units = "");
  void add_column(const std::string& name, hid_t type, const std::vector<std::string>& axes,
                  const std::string& units);
  h5::Handle& column(const std::string& name) { return columns_.at(name); }
  template <class T>
  void append_column(const std::string& name, std::int64_t first, const std::vector<T>& values);
  void append_samples(const std::string& name, std::int64_t first, const Eigen::MatrixXd& samples);

  /// Removes the temporary file; nothing is there once it has its name.
  struct TemporaryFile {
    std::filesystem::path path;
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    TemporaryFile(TemporaryFile&&) = delete;
    TemporaryFile& operator=(TemporaryFile&&) = delete;
    explicit TemporaryFile(std::filesystem::path p) : path(std::move(p)) {}
    ~TemporaryFile();
  };

  std::filesystem::path path_;
  const View& view_;
  Size size_;
  std::string parameter_units_;
  std::string covariance_units_;
  TemporaryFile temporary_;  // outlives the handles
  h5::Handle file_;
  std::map<std::string, h5::Handle> axes_;     // dimension scales by path
  std::map<std::string, h5::Handle> columns_;  // of /evaluations and /rounds by path
  std::int64_t num_evaluations_ = 0;           // appended
  std::int64_t num_rounds_ = 0;
  std::int64_t num_speculative_ = 0;
  DerivativeCounts derivatives_;
};

}  // namespace invar::store
