#include "umbridge_server/http_server.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

#include <sys/socket.h>

#include <fmt/format.h>
#include <httplib.h>
#include <netinet/in.h>

#include "invar/core/error.hpp"
#include "umbridge_server/thread_pool.hpp"

namespace invar::umbridge_server {
namespace {

// A connection has a thread while it is open, also while its request waits for a group: room for
// all that may wait, and for some that are told that no more may.
constexpr std::size_t most_threads = 1280;
constexpr int most_waiting_to_connect = 1024;
constexpr int keep_alive_s = 5;
constexpr int read_timeout_s = 10;
constexpr int write_timeout_s = 30;
constexpr std::chrono::seconds longest_goodbye{2};

constexpr int payload_too_large = 413;
constexpr int bad_request = 400;

/// Counts the requests that were heard and not answered yet.
class Pending {
 public:
  void begin() {
    if (!std::exchange(here_, true)) {
      ++count_;
    }
  }
  void end() {
    if (std::exchange(here_, false)) {
      --count_;
    }
  }
  [[nodiscard]] int count() const { return count_; }

 private:
  static thread_local bool here_;  // whether this thread is at one
  std::atomic<int> count_ = 0;
};
thread_local bool Pending::here_ = false;

class Threads final : public httplib::TaskQueue {
 public:
  explicit Threads(Pending& pending) : pending_(pending) {}

  void enqueue(std::function<void()> task) override {
    pool_.enqueue([this, task = std::move(task)] {
      task();
      pending_.end();  // where the answer could not be written
    });
  }
  void shutdown() override { pool_.finish(); }

 private:
  Pending& pending_;
  ThreadPool pool_{most_threads};
};

int port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

/// Lets the threads of kept connections see an end of what they hear; they can still answer.
void hear_nothing_more(int port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
        port_of(own) == port &&
        ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) {
      ::shutdown(descriptor, SHUT_RD);
    }
  }
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const std::string& host, int port, std::size_t longest, Handler handler)
      : longest_(longest), handler_(std::move(handler)) {
    // The library ignores it, and programs that are started would inherit that; a handler they do
    // not.
    std::signal(SIGPIPE, [](int /*signal*/) {});
    int listening = -1;
    server_.new_task_queue = [this] { return new Threads(pending_); };  // the library deletes it
    server_.set_socket_options([&listening](int socket) {
      // Unlike the library's own choice, so that a second server on the same port is an error.
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      listening = socket;
    });
    server_.set_tcp_nodelay(true);
    server_.set_keep_alive_max_count(1'000'000'000);
    server_.set_keep_alive_timeout(keep_alive_s);
    server_.set_read_timeout(read_timeout_s);
    server_.set_write_timeout(write_timeout_s);
    add_handlers();

    port_ =
        port == 0 ? server_.bind_to_any_port(host) : (server_.bind_to_port(host, port) ? port : -1);
    if (port_ <= 0) {
      throw Error(ErrorKind::io, fmt::format("{}:{} cannot be listened on: is the port in use, or "
                                             "the address not one of this host?",
                                             host, port));
    }
    ::listen(listening, most_waiting_to_connect);  // the library's queue is of a few
    acceptor_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) {
      std::this_thread::yield();
    }
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  Impl(Impl&&) = delete;
  Impl& operator=(Impl&&) = delete;
  ~Impl() { stop(); }

  [[nodiscard]] int port() const { return port_; }

  void stop() {
    if (!acceptor_.joinable()) {
      return;
    }
    server_.stop();
    // The library does not write to a connection that has nothing more to say.
    const auto end = std::chrono::steady_clock::now() + longest_goodbye;
    while (pending_.count() > 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    hear_nothing_more(port_);
    acceptor_.join();
  }

 private:
  static void put(const Response& response, httplib::Response& to) {
    to.status = response.http_status;
    to.set_content(response.body, "application/json");
  }

  void add_handlers() {
    server_.set_logger([this](const httplib::Request& /*request*/,
                              const httplib::Response& /*response*/) { pending_.end(); });
    server_.Get("/Info", [this](const httplib::Request& /*request*/, httplib::Response& response) {
      put(handler_("/Info", ""), response);
    });
    // Read piece by piece: whatever the type is said to be, and never beyond what is allowed.
    server_.Post("/.*", [this](const httplib::Request& request, httplib::Response& response,
                               const httplib::ContentReader& read) {
      pending_.begin();
      if (request.is_multipart_form_data()) {
        read([](const httplib::MultipartFormData& /*part*/) { return true; },
             [](const char* /*data*/, std::size_t /*size*/) { return true; });
        put(error_response(bad_request, "InvalidInput", "expected JSON, found a form"), response);
        return;
      }
      std::string body;
      bool is_too_long = false;
      read([&](const char* data, std::size_t size) {
        is_too_long = is_too_long || body.size() + size > longest_;
        if (!is_too_long) {
          body.append(data, size);
        }
        return true;  // what is not read now would be taken for the next request
      });
      put(is_too_long
              ? error_response(
                    payload_too_large, "InvalidInput",
                    fmt::format("a request for this model is no longer than {} bytes", longest_))
              : handler_(request.path, body),
          response);
    });
    server_.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (response.body.empty()) {
        put(error_response(response.status, "InvalidInput",
                           fmt::format("{} {} cannot be answered", request.method.substr(0, 20),
                                       request.path.substr(0, 80))),
            response);
      }
    });
  }

  std::size_t longest_;
  Handler handler_;
  Pending pending_;
  httplib::Server server_;
  int port_ = 0;
  std::thread acceptor_;
};

HttpServer::HttpServer(const std::string& host, int port, std::size_t longest, Handler handler)
    : impl_(std::make_unique<Impl>(host, port, longest, std::move(handler))) {}

HttpServer::~HttpServer() = default;

int HttpServer::port() const {
  return impl_->port();
}

void HttpServer::stop() {
  impl_->stop();
}

}  // namespace invar::umbridge_server
