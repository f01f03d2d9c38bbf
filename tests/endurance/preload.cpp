// A library to preload (LD_PRELOAD) into the program under test: it ends the process at the k-th
// call that changes something below a path, and lets the wall clock jump.
//
//   INVAR_EXIT_UNDER=PREFIX   which calls count: those on paths and descriptors that begin so
//   INVAR_EXIT_AT=K           the process ends with code 137 at the K-th of them, as by a kill,
//   INVAR_EXIT_HOW=before     before it is made; `after`: right after it; `half`: only writes
//   count,
//                             and the last one writes half of its bytes
//   INVAR_EXIT_COUNT=FILE     at an ordinary end the number of calls counted is written there
//   INVAR_CLOCK_JUMPS=1       the wall clock (not the monotonic one) is a day behind or ahead, by
//   turns
//
// The real calls are made by number, so that nothing has to be looked up while threads start.
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum class How { before, after, half };

struct Settings {
  const char* under = std::getenv("INVAR_EXIT_UNDER");
  long at = std::getenv("INVAR_EXIT_AT") == nullptr ? -1 : std::atol(std::getenv("INVAR_EXIT_AT"));
  How how = how_of(std::getenv("INVAR_EXIT_HOW"));
  bool has_clock_jumps = std::getenv("INVAR_CLOCK_JUMPS") != nullptr;

  static How how_of(const char* name) {
    return name == nullptr || std::strcmp(name, "before") == 0 ? How::before
           : std::strcmp(name, "half") == 0                    ? How::half
                                                               : How::after;
  }
};

const Settings& settings() {
  static const Settings value;
  return value;
}

std::atomic<long> num_calls{0};

bool is_under(const char* path) {
  const char* under = settings().under;
  return under != nullptr && path != nullptr && std::strncmp(path, under, std::strlen(under)) == 0;
}

bool is_under(int descriptor) {
  if (settings().under == nullptr || descriptor < 0) {
    return false;
  }
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const long length = ::syscall(SYS_readlink, link, path, sizeof path - 1);
  if (length <= 0) {
    return false;
  }
  path[length] = '\0';
  return is_under(path);
}

[[noreturn]] void die() {
  ::_exit(137);
}

/// Whether this counted call is the last one.
bool is_last(bool is_write) {
  if (settings().how == How::half && !is_write) {
    return false;
  }
  return ++num_calls == settings().at;
}

/// Makes a call that counts, or dies before or after it.
template <class Call>
long counted(bool counts, Call call) {
  const bool last = counts && is_last(false);
  if (last && settings().how == How::before) {
    die();
  }
  const long result = call();
  if (last) {
    die();
  }
  return result;
}

/// The same for a write of `size` bytes, of which `call` makes as many as it is told.
template <class Call>
long counted_write(bool counts, std::size_t size, Call call) {
  const bool last = counts && is_last(true);
  if (last && settings().how == How::before) {
    die();
  }
  const long result = call(last && settings().how == How::half ? size / 2 : size);
  if (last) {
    die();
  }
  return result;
}

int open_counted(int directory, const char* path, int flags, unsigned mode) {
  return static_cast<int>(counted((flags & O_CREAT) != 0 && is_under(path), [&] {
    return ::syscall(SYS_openat, directory, path, flags, mode);
  }));
}

unsigned mode_of(int flags, std::va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0U;
}

/// Seconds by which the clock is wrong now.
std::int64_t jump() {
  static std::atomic<unsigned> num_looks{0};
  constexpr std::int64_t day = 86400;
  return settings().has_clock_jumps ? (static_cast<std::int64_t>(num_looks++ / 2 % 3) - 1) * day
                                    : 0;
}

struct CountWriter {
  CountWriter() = default;
  CountWriter(const CountWriter&) = delete;
  CountWriter& operator=(const CountWriter&) = delete;
  CountWriter(CountWriter&&) = delete;
  CountWriter& operator=(CountWriter&&) = delete;
  ~CountWriter() {
    if (const char* path = std::getenv("INVAR_EXIT_COUNT")) {
      if (std::FILE* file = std::fopen(path, "w")) {
        std::fprintf(file, "%ld\n", num_calls.load());
        std::fclose(file);
      }
    }
  }
};
const CountWriter count_writer;

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted(directory, path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return counted_write(is_under(descriptor), size, [&](std::size_t count) {
    return ::syscall(SYS_write, descriptor, bytes, count);
  });
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return counted_write(is_under(descriptor), size, [&](std::size_t count) {
    return ::syscall(SYS_pwrite64, descriptor, bytes, count, offset);
  });
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t offset) {
  return pwrite(descriptor, bytes, size, offset);
}
ssize_t writev(int descriptor, const iovec* pieces, int count) {
  return counted(is_under(descriptor),
                 [&] { return ::syscall(SYS_writev, descriptor, pieces, count); });
}

int fsync(int descriptor) {
  return static_cast<int>(
      counted(is_under(descriptor), [&] { return ::syscall(SYS_fsync, descriptor); }));
}
int fdatasync(int descriptor) {
  return static_cast<int>(
      counted(is_under(descriptor), [&] { return ::syscall(SYS_fdatasync, descriptor); }));
}
int syncfs(int descriptor) noexcept {
  return static_cast<int>(
      counted(is_under(descriptor), [&] { return ::syscall(SYS_syncfs, descriptor); }));
}
int ftruncate(int descriptor, off_t size) noexcept {
  return static_cast<int>(
      counted(is_under(descriptor), [&] { return ::syscall(SYS_ftruncate, descriptor, size); }));
}
int ftruncate64(int descriptor, off64_t size) noexcept {
  return ftruncate(descriptor, size);
}
int fallocate(int descriptor, int mode, off_t offset, off_t size) {
  return static_cast<int>(counted(is_under(descriptor), [&] {
    return ::syscall(SYS_fallocate, descriptor, mode, offset, size);
  }));
}

int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(
      counted(is_under(from) || is_under(to), [&] { return ::syscall(SYS_rename, from, to); }));
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return static_cast<int>(counted(is_under(from) || is_under(to), [&] {
    return ::syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
  }));
}
int unlink(const char* path) noexcept {
  return static_cast<int>(counted(is_under(path), [&] { return ::syscall(SYS_unlink, path); }));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(
      counted(is_under(path), [&] { return ::syscall(SYS_mkdir, path, mode); }));
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) {
    time->tv_sec += jump();
  }
  return static_cast<int>(result);
}
int gettimeofday(timeval* time, void* zone) noexcept {
  const long result = ::syscall(SYS_gettimeofday, time, zone);
  if (result == 0) {
    time->tv_sec += jump();
  }
  return static_cast<int>(result);
}
time_t time(time_t* out) noexcept {
  const time_t now = ::syscall(SYS_time, nullptr) + jump();
  if (out != nullptr) {
    *out = now;
  }
  return now;
}

}  // extern "C"
