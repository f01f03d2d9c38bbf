#include "model_umbridge/server_link.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace invar::model_umbridge {
namespace {

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{2000};

/// What passes: the connection, or whoever stands between us and the model.
bool is_worth_another_attempt(const Answer& answer) {
  return answer.kind == Answer::Kind::broken ||
         (answer.kind == Answer::Kind::answered && answer.http_status >= 502 &&
          answer.http_status <= 504);
}

}  // namespace

ServerLink::ServerLink(const std::vector<std::string>& urls, std::size_t first)
    : current_(first % urls.size()) {
  for (const std::string& url : urls) {
    servers_.push_back(std::make_unique<Connection>(url));
  }
}

Answer ServerLink::ask(const std::string& path, const std::optional<std::string>& body,
                       Clock::time_point deadline, int retries) {
  auto pause = first_pause;
  for (int attempt = 0;; ++attempt) {
    Answer answer = servers_[current_]->exchange(path, body, deadline, longest_);
    if (!is_worth_another_attempt(answer)) {
      return answer;
    }
    if (attempt >= retries || Clock::now() + pause >= deadline) {
      if (attempt > 0 && answer.kind == Answer::Kind::broken) {
        answer.text += fmt::format(", {} times", attempt + 1);
      }
      return answer;
    }
    current_ = (current_ + 1) % servers_.size();
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, longest_pause);
  }
}

}  // namespace invar::model_umbridge
