// The built program: exit status, standard streams, files, and the prompt on a pseudo-terminal.
// $WEFT_CLI names it (meson sets that).
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/cli/fake_daemon.h"

namespace weft::cli {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const char* binary() {
  const char* path = std::getenv("WEFT_CLI");
  if (path == nullptr) throw std::runtime_error{"WEFT_CLI does not name the program"};
  return path;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// A directory that ends with the test.
class TempDirectory {
 public:
  TempDirectory() {
    std::string path = std::filesystem::temp_directory_path() / "weft-cli-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
    path_ = path;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Finished {
  int status{};
  std::string out;
  std::string err;
};

/// Runs the program to its end with `input` as its standard input.
Finished run(std::vector<std::string> arguments, const std::string& input = "") {
  const TempDirectory directory;
  const std::string in_path = directory.path() / "in";
  const std::string out_path = directory.path() / "out";
  const std::string err_path = directory.path() / "err";
  std::ofstream{in_path} << input;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  ::posix_spawn_file_actions_addopen(&actions, 0, in_path.c_str(), O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, out_path.c_str(), kWrite, 0600);
  ::posix_spawn_file_actions_addopen(&actions, 2, err_path.c_str(), kWrite, 0600);
  arguments.insert(arguments.begin(), binary());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid{};
  const int error = ::posix_spawn(&pid, binary(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error{"cannot run the program"};
  int status{};
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return {
      WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
      read_file(out_path),
      read_file(err_path),
  };
}

std::map<std::string, Json> some_results() {
  return {
      {"tenant.add", Json{{"generation", 1}}},
      {"tenant.list", Json::parse(R"({"tenants":[{"name":"acme","segments":1,"endpoints":2}]})")},
      {"segment.list", Json::parse(R"({"segments":[{"name":"blueberry","tenant":"acme"}]})")},
      {"segment.remove", Json{{"generation", 2}}},
  };
}

TEST(Binary, ShowsItsVersionAndHelpWithoutADaemon) {
  const Finished version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, StartsWith("weft "));
  const Finished help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Exit status: 0 ok"));
  EXPECT_EQ(run({"help", "segment"}).status, 0);
}

TEST(Binary, RunsOneCommand) {
  FakeDaemon daemon{some_results()};
  const Finished finished = run({"--socket", daemon.path(), "show", "tenant"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(
      finished.out,
      "Tenant  Segments  Endpoints  Rules  Meter\nacme           1          2      -  -\n"
  );
  EXPECT_EQ(finished.err, "");
}

TEST(Binary, TakesTheSocketFromTheEnvironment) {
  FakeDaemon daemon{some_results()};
  ::setenv("WEFT_SOCKET", daemon.path().c_str(), 1);
  const Finished finished = run({"show", "tenant", "--json"});
  ::unsetenv("WEFT_SOCKET");
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out), some_results().at("tenant.list"));
}

TEST(Binary, ExitsWith1WhenTheDaemonRefuses) {
  FakeDaemon daemon{some_results()};
  const Finished finished = run({"-s", daemon.path(), "tenant", "del", "acme"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(finished.err, "weft: no such method\n");
}

TEST(Binary, ExitsWith2WhenItIsNotACommand) {
  FakeDaemon daemon{some_results()};
  const Finished finished = run({"-s", daemon.path(), "tenant", "rename", "acme"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(
      finished.err,
      "weft: expected `add`, `quota`, `del` or `set`\n"
      "  tenant rename acme\n"
      "         ^\n"
  );
  EXPECT_TRUE(daemon.requests().empty());
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--nonsense"},
           {"--timeout", "0", "start"},
           {"-f", "/nonexistent"},
           {"-f", "x", "start"}}) {
    const Finished refused = run(arguments);
    EXPECT_EQ(refused.status, 2) << arguments.front();
    EXPECT_THAT(refused.err, StartsWith("weft: ")) << arguments.front();
  }
}

TEST(Binary, ExitsWith3WithoutADaemon) {
  const Finished finished = run({"-s", "/nonexistent/weft.sock", "show", "tenant"});
  EXPECT_EQ(finished.status, 3);
  EXPECT_THAT(finished.err, HasSubstr("is weftd running?"));
}

TEST(Binary, ExitsWith3WhenTheDaemonClosesInTheMiddleOfAnAnswer) {
  FakeDaemon daemon{[](const Json&) -> std::optional<std::string> { return R"({"id":1,"res)"; }};
  const Finished finished = run({"-s", daemon.path(), "show", "tenant"});
  EXPECT_EQ(finished.status, 3);
  EXPECT_THAT(finished.err, HasSubstr("in the middle of its answer"));
}

TEST(Binary, ReadsCommandsFromStandardInput) {
  FakeDaemon daemon{some_results()};
  const Finished finished = run({"-s", daemon.path()}, "# set up\ntenant add a\ntenant add b\n");
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.out, "generation 1\ngeneration 1\n");
}

TEST(Binary, StopsAFileAtItsFirstError) {
  FakeDaemon daemon{some_results()};
  const TempDirectory directory;
  const std::string path = directory.path() / "setup";
  std::ofstream{path} << "tenant add a\ntenant\ntenant add b\n";
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"-s", daemon.path(), "-f", path}, {"-s", daemon.path(), "load", path}}) {
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.status, 2);
    EXPECT_EQ(finished.out, "generation 1\n");
    EXPECT_THAT(finished.err, HasSubstr("weft: stopped at " + path + ":2\n"));
  }
}

TEST(Binary, FileThatLoadsItselfEnds) {
  const TempDirectory directory;
  const std::string path = directory.path() / "loop";
  std::ofstream{path} << "load " << path << "\n";
  const Finished finished = run({"-f", path});
  EXPECT_EQ(finished.status, 2);
  EXPECT_THAT(finished.err, HasSubstr("more than 8 deep"));
}

/// The program at its prompt, on a pseudo-terminal that understands nothing.
class Terminal {
 public:
  Terminal(const std::string& socket, const std::filesystem::path& home) {
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 30;
    pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ < 0) throw std::runtime_error{"forkpty"};
    if (pid_ == 0) {
      ::setenv("HOME", home.c_str(), 1);
      ::setenv("TERM", "dumb", 1);
      ::setenv("EDITRC", "/dev/null", 1);
      ::unsetenv("XDG_STATE_HOME");
      ::execl(binary(), "weft", "--socket", socket.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(fd_);
  }

  void type(std::string_view keys) {
    ASSERT_EQ(::write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  /// Reads until `text` has appeared behind what was waited for before; what was read in between.
  std::string wait_for(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (seen_.find(text) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
      pollfd readable{fd_, POLLIN, 0};
      if (::poll(&readable, 1, 100) <= 0) continue;
      std::array<char, 4096> chunk{};
      const ssize_t count = ::read(fd_, chunk.data(), chunk.size());
      if (count <= 0) break;
      seen_.append(chunk.data(), static_cast<std::size_t>(count));
    }
    const std::size_t at = seen_.find(text);
    EXPECT_NE(at, std::string::npos) << "waited for: " << text << "\nsaw: " << seen_;
    if (at == std::string::npos) return seen_;
    const std::string before = seen_.substr(0, at);
    seen_.erase(0, at + text.size());
    return before;
  }

  /// The exit status, once the program has ended.
  int finish() {
    int status{};
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  int fd_{-1};
  pid_t pid_{-1};
  std::string seen_;
};

constexpr const char* kPrompt = "weft> ";

TEST(Prompt, RunsCommandsAndSurvivesErrors) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("nonsense\n");
  terminal.wait_for("no such command");
  terminal.wait_for(kPrompt);
  terminal.type("show tenant\n");
  terminal.wait_for("acme           1          2");
  terminal.wait_for(kPrompt);
  terminal.type("quit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, TabCompletesWordsAndLiveNames) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("seg\tdel blu\t\n");
  terminal.wait_for("generation 2");
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"name", "blueberry"}}));
  terminal.wait_for(kPrompt);
  terminal.type("exit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, TabSaysWhatAValueShouldBe) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("segment add \t");
  terminal.wait_for("NAME: a name of 1 to 63 letters");
  terminal.type("\x15quit\n");  // Control-U: the line is empty again
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, RemembersLinesAcrossSessions) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  {
    Terminal terminal{daemon.path(), home.path()};
    terminal.wait_for(kPrompt);
    terminal.type("tenant add remembered\n");
    terminal.wait_for("generation 1");
    terminal.wait_for(kPrompt);
    terminal.type("\x04");  // Control-D on an empty line
    EXPECT_EQ(terminal.finish(), 0);
  }
  EXPECT_EQ(read_file(home.path() / ".weft_history"), "tenant add remembered\n");
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("\x10\n");  // Control-P: the line before
  terminal.wait_for("generation 1");
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"name", "remembered"}}));
  EXPECT_EQ(daemon.requests().size(), 2U);
  terminal.wait_for(kPrompt);
  terminal.type("quit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, ControlCGivesUpTheLineOnly) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("tenant add unwanted");
  terminal.wait_for("unwanted");
  terminal.type("\x03");
  terminal.wait_for(kPrompt);
  terminal.type("tenant add wanted\n");
  terminal.wait_for("generation 1");
  ASSERT_EQ(daemon.requests().size(), 1U);
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"name", "wanted"}}));
  terminal.wait_for(kPrompt);
  terminal.type("quit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, TabListsWhatMayFollow) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("show t\t");
  terminal.wait_for("tenant  tunnel");
  terminal.type("en\t\n");
  terminal.wait_for("acme           1          2");
  terminal.wait_for(kPrompt);
  terminal.type("quit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

TEST(Prompt, TabCompletesPaths) {
  FakeDaemon daemon{some_results()};
  const TempDirectory home;
  std::ofstream{home.path() / "network.weft"} << "tenant add loaded\n";
  Terminal terminal{daemon.path(), home.path()};
  terminal.wait_for(kPrompt);
  terminal.type("load " + home.path().string() + "/net\t\n");
  terminal.wait_for("generation 1");
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"name", "loaded"}}));
  terminal.wait_for(kPrompt);
  terminal.type("quit\n");
  EXPECT_EQ(terminal.finish(), 0);
}

}  // namespace
}  // namespace weft::cli
