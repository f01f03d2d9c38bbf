#pragma once

#include "invar/options/reader.hpp"

namespace invar::options {

/// For options that name no files: those made in C++, or read from elsewhere than a study.
///
/// MPI: Local.
class NoFiles final : public Files {
 public:
  /// @throws Error(no_input)  as all of them
  const std::string& bytes(const std::string& path) override { refuse(path); }
  Eigen::MatrixXd dataset(const std::string& path, const std::string& /*name*/) override {
    refuse(path);
  }
  std::string stored_name(const std::string& path) override { refuse(path); }

 private:
  [[noreturn]] static void refuse(const std::string& path) {
    throw Error(ErrorKind::no_input, "these options name no files, found " + path);
  }
};

}  // namespace invar::options
