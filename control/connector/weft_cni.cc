// `weft-cni`: reads the environment and stdin, prints what run_plugin says.
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "control/connector/deadline.h"
#include "control/connector/key_lock.h"
#include "control/connector/plugin.h"

namespace {

namespace connector = weft::connector;

constexpr std::size_t kMaxInput = std::size_t{16} << 20U;  // octets
// A caller that does not close our stdin would hang us, and its container with us.
constexpr auto kInputTime = std::chrono::seconds{10};

/// stdin up to its end; nullopt when it has none, is too long or can not be read.
std::optional<std::string> read_input() {
  const connector::Deadline deadline{kInputTime};
  std::string input;
  std::array<char, 65536> chunk{};
  while (input.size() <= kMaxInput) {
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return input;
    input.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

int print(const connector::Printed& printed) {
  std::cout << printed.out << std::flush;
  return std::cout ? printed.status : 1;
}

int fail(connector::ProblemCode code, const std::string& sentence) {
  return print({1, connector::to_json(connector::Problem{code, sentence}, "1.1.0").dump() + '\n'});
}

int run() {
  const std::uint64_t start = connector::since_boot();
  // A daemon or a plugin that closes its end is an error that is read, no signal.
  std::signal(SIGPIPE, SIG_IGN);
  const connector::Environment environment = connector::read_environment();
  if (environment.command.empty()) {
    std::cerr << connector::about(WEFT_VERSION);
    return 0;
  }
  const std::optional<std::string> input = read_input();
  if (!input) {
    return fail(connector::ProblemCode::io, "stdin: the configuration can not be read to its end");
  }
  return print(connector::run_plugin(environment, *input, start));
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    // Nothing of ours throws: this is memory, or the standard library. The caller still reads why.
    return fail(connector::ProblemCode::io, std::string{"weft-cni can not go on: "} + error.what());
  }
}
