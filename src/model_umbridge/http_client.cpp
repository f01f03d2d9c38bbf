#include "model_umbridge/http_client.hpp"

#include <functional>
#include <stdexcept>
#include <string>

namespace invar::model_umbridge {
namespace {

constexpr std::size_t longest_line = 8192;
// "HTTP/1.1 1": only a head comes with such a status, and then the real one.
constexpr std::size_t status_at = 9;

/// A stream whose lines are counted as long as they belong to the head of an answer.
class HeadGuard final : public httplib::Stream {
 public:
  explicit HeadGuard(httplib::Stream& stream) : stream_(stream) {}

  [[nodiscard]] bool is_readable() const override { return stream_.is_readable(); }
  [[nodiscard]] bool is_writable() const override { return stream_.is_writable(); }
  ssize_t read(char* data, std::size_t size) override {
    const ssize_t count = stream_.read(data, size);
    for (ssize_t i = 0; is_in_head_ && i < count; ++i) {
      if (!take(data[i])) {
        return -1;
      }
    }
    return count;
  }
  ssize_t write(const char* data, std::size_t size) override { return stream_.write(data, size); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    stream_.get_remote_ip_and_port(ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    stream_.get_local_ip_and_port(ip, port);
  }
  [[nodiscard]] socket_t socket() const override { return stream_.socket(); }

 private:
  /// Whether the line is no longer than it may be.
  bool take(char character) {
    if (character == '\n') {
      is_in_head_ = length_ > 0 || is_preliminary_;
      is_first_ = length_ == 0;  // after an empty line another head begins
      length_ = 0;
      return true;
    }
    if (is_first_ && length_ == status_at) {
      is_preliminary_ = character == '1';
    }
    length_ += character == '\r' ? 0 : 1;
    return length_ <= longest_line;
  }

  httplib::Stream& stream_;
  std::size_t length_ = 0;  // of the line so far
  bool is_in_head_ = true;
  bool is_first_ = true;  // the status line
  bool is_preliminary_ = false;
};

class HttpClient final : public httplib::ClientImpl {
 public:
  using ClientImpl::ClientImpl;

 private:
  bool process_socket(const Socket& socket,
                      std::function<bool(httplib::Stream& stream)> callback) override {
    return httplib::detail::process_client_socket(socket.sock, read_timeout_sec_,
                                                  read_timeout_usec_, write_timeout_sec_,
                                                  write_timeout_usec_, [&](auto& stream) {
                                                    HeadGuard guarded(stream);
                                                    return callback(guarded);
                                                  });
  }
};

}  // namespace

std::unique_ptr<httplib::ClientImpl> make_http_client(const Address& address) {
  if (!address.is_secure) {
    return std::make_unique<HttpClient>(address.host, address.port);
  }
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  return std::make_unique<httplib::SSLClient>(address.host, address.port);
#else
  throw std::invalid_argument("https is not supported here");
#endif
}

}  // namespace invar::model_umbridge
