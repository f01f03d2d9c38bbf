#include "doctor/transcript.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "invar/core/error.hpp"

namespace invar::doctor {

TranscriptWriter::TranscriptWriter(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_.get() < 0) {
    throw Error(ErrorKind::io,
                fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  }
}

void TranscriptWriter::add(const nlohmann::json& event) const {
  std::string bytes(sizeof(std::uint64_t), '\0');
  nlohmann::json::to_msgpack(event, bytes);
  const std::uint64_t length = bytes.size() - sizeof length;
  std::memcpy(bytes.data(), &length, sizeof length);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size = ::write(file_.get(), bytes.data() + done, bytes.size() - done);
    if (size >= 0) {
      done += static_cast<std::size_t>(size);
    } else if (errno != EINTR) {
      throw Error(ErrorKind::io,
                  fmt::format("cannot write the transcript: {}", std::strerror(errno)));
    }
  }
}

std::optional<nlohmann::json> TranscriptReader::next() {
  if (file_.get() < 0) {
    file_ = isolation::Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  }
  std::array<char, 65536> buffer;
  while (file_.get() >= 0) {
    std::uint64_t length = 0;
    if (bytes_.size() - begin_ >= sizeof length) {
      std::memcpy(&length, bytes_.data() + begin_, sizeof length);
      if (bytes_.size() - begin_ - sizeof length >= length) {
        const char* const body = bytes_.data() + begin_ + sizeof length;
        begin_ += sizeof length + length;
        return nlohmann::json::from_msgpack(body, body + length);
      }
    }
    const ssize_t size = ::read(file_.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      break;
    }
    bytes_.erase(0, begin_);
    begin_ = 0;
    bytes_.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return std::nullopt;
}

}  // namespace invar::doctor
