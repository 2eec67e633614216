#include "control/connector/process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include "control/connector/unique_fd.h"

namespace weft::connector {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{1} << 20U;  // octets

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

/// posix_spawn's two descriptions, with their ends.
class SpawnPlan {
 public:
  SpawnPlan(int input, int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    // A group of its own, to be killed as one; SIGPIPE as programs expect it.
    sigset_t defaults{};
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  /// An errno, 0 when it runs.
  int start(const Program& program, pid_t& pid) const {
    std::vector<char*> environment;
    environment.reserve(program.environment.size() + 1);
    for (const std::string& pair : program.environment) {
      environment.push_back(const_cast<char*>(pair.c_str()));
    }
    environment.push_back(nullptr);
    std::array<char*, 2> arguments{const_cast<char*>(program.path.c_str()), nullptr};
    return ::posix_spawn(
        &pid, program.path.c_str(), &actions_, &attributes_, arguments.data(), environment.data()
    );
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// Feeds and reads until the output ends; false when the time is over first.
bool converse(
    std::string_view input,
    UniqueFd& to,
    const UniqueFd& from,
    std::string& output,
    const Deadline& deadline
) {
  std::array<char, 16384> chunk{};
  for (;;) {
    if (input.empty()) to.reset();
    std::array<pollfd, 2> waits{{{from.get(), POLLIN, 0}, {to.get(), POLLOUT, 0}}};
    const int ready = ::poll(waits.data(), 2, static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (waits[1].revents != 0) {
      const ssize_t count = ::write(to.get(), input.data(), input.size());
      // It does not want all of it.
      if (count < 0 && errno != EAGAIN && errno != EINTR) input = {};
      if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
    }
    if (waits[0].revents == 0) continue;
    const ssize_t count = ::read(from.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    if (output.size() < kMaxOutput) output.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

/// The exit status; nullopt when it does not end in time.
std::optional<int> wait_for(pid_t pid, const Deadline& deadline) {
  constexpr auto kPause = std::chrono::milliseconds{1};
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(pid, &status, WNOHANG);
    if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return 127;
    if (deadline.is_over()) return std::nullopt;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

Outcome<Ended> run_program(const Program& program, const Deadline& deadline) {
  auto input = make_pipe();
  auto output = make_pipe();
  if (!input || !output) {
    return Problem{ProblemCode::ipam_failed, program.path + ": no pipes: " + std::strerror(errno)};
  }
  ::fcntl(input->writer.get(), F_SETFL, O_NONBLOCK);
  pid_t pid = -1;
  const SpawnPlan plan{input->reader.get(), output->writer.get()};
  if (const int error = plan.start(program, pid); error != 0) {
    return Problem{
        ProblemCode::ipam_failed, program.path + " cannot be run: " + std::strerror(error)};
  }
  input->reader.reset();
  output->writer.reset();
  Ended ended;
  const bool is_done =
      converse(program.input, input->writer, output->reader, ended.output, deadline);
  const auto status = is_done ? wait_for(pid, deadline) : std::nullopt;
  if (status) {
    ended.status = *status;
    return ended;
  }
  ::kill(-pid, SIGKILL);
  int ignored = 0;
  ::waitpid(pid, &ignored, 0);
  return Problem{ProblemCode::ipam_failed, program.path + " is not done in time and was killed"};
}

}  // namespace weft::connector
