#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

namespace invar::options {

/// Numbers from a text file: comma-separated fields where a line has a comma, else blank-separated.
/// Empty lines and lines that start with `#` are skipped; the first line may be a header of names.
///
/// @param name     of the file, for messages
/// @param columns  names of the header to take, in this order; empty: all columns
/// @return         a row per line
/// @throws Error(data)  with file and line: no such column, a field that is no finite number, lines
///                      of different lengths, no numbers at all, binary data
Eigen::MatrixXd parse_text_table(const std::string& name, const std::string& bytes,
                                 const std::vector<std::string>& columns);

}  // namespace invar::options
