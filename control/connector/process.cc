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
#include <sys/prctl.h>
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

/// What execve takes: the texts stay the caller's.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child, up to the program. Only what may be called after fork in any process (signal-safety(7)).
[[noreturn]] void become(
    const char* path,
    char* const* arguments,
    char* const* environment,
    int input,
    int output,
    pid_t parent
) {
  constexpr int kNotRun = 127;
  ::setpgid(0, 0);  // to be killed as one
  // Should we be killed, a plugin that goes on would take a lease that nobody gives back.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kNotRun);
  ::signal(SIGPIPE, SIG_DFL);  // as programs expect it
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::execve(path, arguments, environment);
  ::_exit(kNotRun);
}

/// Writes what the pipe has room for; what is left of the input.
std::string_view feed(int to, std::string_view input) {
  const ssize_t count = ::write(to, input.data(), input.size());
  if (count >= 0) return input.substr(static_cast<std::size_t>(count));
  if (errno == EAGAIN || errno == EINTR) return input;
  return {};  // it does not want all of it
}

/// Reads what there is; false at the end.
bool collect(int from, std::string& output) {
  std::array<char, 16384> chunk{};
  const ssize_t count = ::read(from, chunk.data(), chunk.size());
  if (count < 0) return errno == EINTR;
  if (output.size() < kMaxOutput) output.append(chunk.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// Feeds and reads until the output ends; false when the time is over first.
bool converse(
    std::string_view input,
    UniqueFd& to,
    const UniqueFd& from,
    std::string& output,
    const Deadline& deadline
) {
  for (;;) {
    if (input.empty()) to.reset();
    std::array<pollfd, 2> waits{{{from.get(), POLLIN, 0}, {to.get(), POLLOUT, 0}}};
    const int ready = ::poll(waits.data(), 2, static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (waits[1].revents != 0) input = feed(to.get(), input);
    if (waits[0].revents != 0 && !collect(from.get(), output)) return true;
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
  if (::access(program.path.c_str(), X_OK) != 0) {
    return Problem{
        ProblemCode::ipam_failed, program.path + " cannot be run: " + std::strerror(errno)};
  }
  const std::vector<std::string> arguments{program.path};
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(program.environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return Problem{
        ProblemCode::ipam_failed, program.path + " cannot be run: " + std::strerror(errno)};
  }
  if (pid == 0) {
    become(
        program.path.c_str(),
        argument_pointers.data(),
        environment_pointers.data(),
        input->reader.get(),
        output->writer.get(),
        parent
    );
  }
  ::setpgid(pid, pid);  // whichever of us is first
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
