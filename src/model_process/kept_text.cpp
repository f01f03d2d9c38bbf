#include "model_process/kept_text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace invar::model_process {

KeptText::KeptText(isolation::Descriptor source, const std::string& path)
    : source_(std::move(source)),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  ::fcntl(source_.get(), F_SETFL, O_NONBLOCK);
}

void KeptText::take() {
  std::array<char, std::size_t{1} << 16U> bytes;  // NOLINT: not worth clearing
  // Not for ever: somebody may write faster than this is read.
  for (int i = 0; i < 16 && source_.get() >= 0; ++i) {
    const ssize_t size = ::read(source_.get(), bytes.data(), bytes.size());
    if (size > 0) {
      keep(bytes.data(), static_cast<std::size_t>(size));
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
      source_.close();
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void KeptText::finish() {
  take();
  source_.close();
  if (end_.size() > longest_end) {
    num_left_out_ += end_.size() - longest_end;
    end_.erase(0, end_.size() - longest_end);
  }
  if (num_left_out_ > 0) {
    const std::string note = fmt::format("\n[{} bytes are left out here]\n", num_left_out_);
    write(note.data(), note.size());
  }
  write(end_.data(), end_.size());
  file_.close();
}

void KeptText::keep(const char* data, std::size_t size) {
  const std::size_t num_first = std::min(size, longest_beginning - num_written_);
  write(data, num_first);
  num_written_ += num_first;
  end_.append(data + num_first, size - num_first);
  if (end_.size() > 2 * longest_end) {
    num_left_out_ += end_.size() - longest_end;
    end_.erase(0, end_.size() - longest_end);
  }
}

void KeptText::write(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(file_.get(), data, size);
    if (done < 0 && errno != EINTR) {
      return;  // a full disk: the run itself will say so
    }
    if (done > 0) {
      data += done;
      size -= static_cast<std::size_t>(done);
    }
  }
}

}  // namespace invar::model_process
