#include "model_umbridge/connection.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <ctime>

#include <sys/socket.h>

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>

#include "invar/core/error.hpp"
#include "model_umbridge/http_client.hpp"
#include "model_umbridge/watchdog.hpp"

namespace invar::model_umbridge {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// A host that is there answers sooner; without this, one that is not would cost the whole deadline.
constexpr milliseconds longest_connect{10'000};
// The library counts milliseconds in an int.
constexpr milliseconds longest_read = std::chrono::hours(24 * 20);

/// Keeps a write to a connection that the server has closed from ending the process.
class WithoutBrokenPipe {
 public:
  WithoutBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutBrokenPipe(const WithoutBrokenPipe&) = delete;
  WithoutBrokenPipe& operator=(const WithoutBrokenPipe&) = delete;
  WithoutBrokenPipe(WithoutBrokenPipe&&) = delete;
  WithoutBrokenPipe& operator=(WithoutBrokenPipe&&) = delete;
  ~WithoutBrokenPipe() {
    if (sigismember(&before_, SIGPIPE) == 0) {
      const timespec at_once{};
      while (::sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
      }
      ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// Notices within minutes that the host at the other end is gone, even without a deadline.
void look_after(int socket) {
  const auto set = [socket](int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

/// ":4242"
std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  if (!text.starts_with(':')) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  const bool is_sound =
      error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
  return is_sound ? std::optional(port) : std::nullopt;
}

const char* reason(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "it cannot be reached";
    case httplib::Error::ConnectionTimeout:
      return "it cannot be reached (no answer to the connection)";
    case httplib::Error::Read:
      return "it broke off before its answer was complete";
    case httplib::Error::Write:
      return "it broke off while it was being asked";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return "no secure connection to it can be made";
    default:
      return "the connection failed";
  }
}

}  // namespace

std::optional<Address> parse_url(const std::string& url) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string::npos) {
    return std::nullopt;
  }
  const std::string scheme = url.substr(0, scheme_end);
  const std::size_t host_begin = scheme_end + 3;
  const std::size_t path_begin = std::min(url.find('/', host_begin), url.size());
  const std::string authority = url.substr(host_begin, path_begin - host_begin);
  const bool is_ipv6 = authority.starts_with('[');
  const std::size_t host_end = is_ipv6 ? authority.find(']') : authority.find(':');
  const std::string host = authority.substr(is_ipv6 ? 1 : 0, host_end - (is_ipv6 ? 1 : 0));
  const std::size_t port_begin = is_ipv6 && host_end != std::string::npos ? host_end + 1 : host_end;
  const std::string rest = port_begin < authority.size() ? authority.substr(port_begin) : "";
  std::string base = url.substr(path_begin);
  while (base.ends_with('/')) {
    base.pop_back();
  }
  const bool is_secure = scheme == "https";
  const std::optional<int> port =
      rest.empty() ? std::optional(is_secure ? 443 : 80) : parse_port(rest);
  const bool is_sound = (is_secure || scheme == "http") && !host.empty() &&
                        !(is_ipv6 && host_end == std::string::npos) && port &&
                        url.find_first_of(" \t\r\n?#@") == std::string::npos;
  return is_sound ? std::optional(
                        Address{.is_secure = is_secure, .host = host, .port = *port, .base = base})
                  : std::nullopt;
}

class Connection::Impl {
 public:
  explicit Impl(const Address& address)
      : base_(address.base),
        client_(make_http_client(address)),
        watchdog_([this] { client_->stop(); }) {
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_socket_options(look_after);
  }

  Answer exchange(const std::string& path, const std::optional<std::string>& body,
                  Clock::time_point deadline, std::size_t longest) {
    const auto left = std::clamp(duration_cast<milliseconds>(deadline - Clock::now()),
                                 milliseconds(1), longest_read);
    client_->set_connection_timeout(std::min(left, longest_connect));
    client_->set_read_timeout(left);
    client_->set_write_timeout(left);

    Answer answer;
    bool is_too_long = false;
    httplib::Request request;
    request.method = body ? "POST" : "GET";
    request.path = base_ + path;
    if (body) {
      request.body = *body;
      request.set_header("Content-Type", "application/json");
    }
    request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t /*offset*/,
                                   std::uint64_t /*total*/) {
      is_too_long = answer.body.size() + size > longest;
      if (!is_too_long) {
        answer.body.append(data, size);
      }
      return !is_too_long;
    };

    const WithoutBrokenPipe guard;
    if (left < longest_read) {
      watchdog_.arm(deadline);
    }
    const httplib::Result result = client_->send(request);
    watchdog_.disarm();
    if (result) {
      answer.kind = Answer::Kind::answered;
      answer.http_status = result->status;
      answer.said = result->get_header_value("EXCEPTION_WHAT");
    } else if (is_too_long) {
      answer.kind = Answer::Kind::too_long;
      answer.text = fmt::format("its answer is longer than {} bytes", longest);
    } else if (Clock::now() + milliseconds(1) >= deadline) {
      answer.kind = Answer::Kind::late;
      answer.text = "no answer in time";
    } else {
      answer.text = reason(result.error());
    }
    return answer;
  }

 private:
  std::string base_;
  std::unique_ptr<httplib::ClientImpl> client_;
  Watchdog watchdog_;
};

Connection::Connection(const std::string& url) : url_(url) {
  const auto address = parse_url(url);
  INVAR_EXPECTS(address.has_value());
  impl_ = std::make_unique<Impl>(*address);
}

Connection::~Connection() = default;

Answer Connection::exchange(const std::string& path, const std::optional<std::string>& body,
                            Clock::time_point deadline, std::size_t longest) {
  return impl_->exchange(path, body, deadline, longest);
}

}  // namespace invar::model_umbridge
