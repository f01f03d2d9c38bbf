#pragma once

#include "invar/options/reader.hpp"

namespace invar::vi {

/// For options that name no files: those made in C++, or read from elsewhere than a study.
class NoFiles : public options::Files {
 public:
  const std::string& bytes(const std::string& path) override { refuse(path); }
  Eigen::MatrixXd dataset(const std::string& path, const std::string& /*name*/) override {
    refuse(path);
  }
  std::string stored_name(const std::string& path) override { refuse(path); }

 private:
  [[noreturn]] static void refuse(const std::string& path) {
    throw Error(ErrorKind::no_input, "options of run_vi name no files, found " + path);
  }
};

}  // namespace invar::vi
