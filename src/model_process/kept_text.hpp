#pragma once

#include <cstddef>
#include <string>

#include "invar/isolation/descriptor.hpp"

namespace invar::model_process {

/// Takes what a program prints: all of it is read, its beginning and its end go into a file.
class KeptText {
 public:
  static constexpr std::size_t longest_beginning = std::size_t{1} << 20U;
  static constexpr std::size_t longest_end = std::size_t{1} << 16U;

  KeptText(isolation::Descriptor source, const std::string& path);

  /// -1 once there is no more.
  [[nodiscard]] int descriptor() const { return source_.get(); }

  /// Takes what is there, after `poll` said that something is.
  void take();

  /// Takes what is still there, and ends the file.
  void finish();

 private:
  void keep(const char* data, std::size_t size);
  void write(const char* data, std::size_t size);

  isolation::Descriptor source_;
  isolation::Descriptor file_;
  std::size_t num_written_ = 0;
  std::size_t num_left_out_ = 0;
  std::string end_;  // up to twice `longest_end`
};

}  // namespace invar::model_process
