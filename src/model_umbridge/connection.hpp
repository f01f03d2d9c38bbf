#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace invar::model_umbridge {

/// A server's address in its parts.
struct Address {
  bool is_secure = false;  // https
  std::string host;
  int port = 0;
  std::string base;  // path in front of the protocol's, without a slash at its end
};

/// The parts of a url; none when it is no http or https address.
std::optional<Address> parse_url(const std::string& url);

/// What came of a request.
struct Answer {
  enum class Kind {
    answered,  // with `http_status` and `body`
    broken,    // no connection, or it ended before the answer did
    late,
    too_long,
  };
  Kind kind = Kind::broken;
  int http_status = 0;
  std::string body;
  std::string said;  // in the header in which some servers put what went wrong
  std::string text;  // why there is no answer
};

/// A connection to one server that is kept between requests.
///
/// MPI: Local.
class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Connection(const std::string& url);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = delete;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  [[nodiscard]] const std::string& url() const { return url_; }

  /// A GET where there is no body, else a POST. Ends by `deadline`, however the server dawdles.
  ///
  /// @param longest  number of bytes beyond which an answer is not read on
  Answer exchange(const std::string& path, const std::optional<std::string>& body,
                  Clock::time_point deadline, std::size_t longest);

 private:
  class Impl;

  std::string url_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace invar::model_umbridge
