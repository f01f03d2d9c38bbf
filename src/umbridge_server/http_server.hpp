#pragma once

#include <functional>
#include <memory>
#include <string>

#include "umbridge_server/protocol.hpp"

namespace invar::umbridge_server {

/// Listens, and answers each request on a thread.
///
/// MPI: Local; its threads do not use MPI.
class HttpServer {
 public:
  using Handler = std::function<Response(const std::string& path, const std::string& body)>;

  /// Binds the address and begins to answer.
  ///
  /// @param port     0: any that is free
  /// @param longest  bytes of a request's body beyond which it is refused
  /// @param handler  called from many threads; does not throw
  /// @throws Error(io)  when the address cannot be listened on
  HttpServer(const std::string& host, int port, std::size_t longest, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  HttpServer(HttpServer&&) = delete;
  HttpServer& operator=(HttpServer&&) = delete;
  ~HttpServer();

  [[nodiscard]] int port() const;

  /// Takes no more connections and hears nothing more on those that are there, lets the requests
  /// under way be answered, and waits for all threads.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace invar::umbridge_server
