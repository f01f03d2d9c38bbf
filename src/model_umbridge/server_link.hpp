#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model_umbridge/connection.hpp"

namespace invar::model_umbridge {

/// The servers of a model, one of which is asked at a time.
///
/// MPI: Local.
class ServerLink {
 public:
  using Clock = Connection::Clock;

  /// @param first  the one that is asked at first
  ServerLink(const std::vector<std::string>& urls, std::size_t first);

  [[nodiscard]] const std::string& url() const { return servers_[current_]->url(); }

  /// Asks the current server; after an error of the connection the next one, after a pause that
  /// grows from attempt to attempt.
  ///
  /// @param retries  how often, at most; a pause never goes beyond the deadline
  Answer ask(const std::string& path, const std::optional<std::string>& body,
             Clock::time_point deadline, int retries);

  /// Bytes that an answer may have.
  void set_longest(std::size_t longest) { longest_ = longest; }

 private:
  std::vector<std::unique_ptr<Connection>> servers_;
  std::size_t current_;
  std::size_t longest_ = std::size_t{1} << 24U;
};

}  // namespace invar::model_umbridge
