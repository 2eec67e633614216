// `weft`: the CLI. Options of the process are CLI11's; everything behind them is a command.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include "control/cli/client.h"
#include "control/cli/commands.h"
#include "control/cli/live.h"
#include "control/cli/prompt.h"
#include "control/cli/session.h"

namespace {

using weft::cli::Exit;

struct Options {
  std::string socket{"/run/weft/weft.sock"};
  std::string file;
  unsigned timeout_s{30};
  bool is_json{};
  std::vector<std::string> words;
};

int status(Exit exit) {
  return static_cast<int>(exit);
}

/// As wide as the terminal, at least 80 characters; exactly 80 where there is none.
std::size_t output_width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
    return weft::cli::kDefaultWidth;
  }
  return std::max<std::size_t>(size.ws_col, weft::cli::kDefaultWidth);
}

int run(const Options& options) {
  const weft::cli::Grammar grammar{weft::cli::commands()};
  weft::cli::Client client{options.socket, std::chrono::seconds{options.timeout_s}};
  weft::cli::Session session{
      grammar, client, std::cout, std::cerr, {options.is_json, output_width()}};
  if (!options.words.empty()) return status(session.run_words(options.words));
  if (options.file == "-") return status(session.run_stream(std::cin, "stdin"));
  if (!options.file.empty()) return status(session.run_file(options.file));
  if (::isatty(STDIN_FILENO) == 0) return status(session.run_stream(std::cin, "stdin"));
  weft::cli::LiveDirectory directory{client};
  weft::cli::run_prompt(session, grammar, [&](weft::cli::Live live) {
    return directory.names(live);
  });
  return status(Exit::ok);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Control weftd. What follows the options is a command (`weft help` lists them); without one "
      "it is a prompt, or a reader of standard input.",
      "weft"};
  app.set_version_flag("-V,--version", "weft " WEFT_VERSION);
  app.add_option("-s,--socket", options.socket, "the daemon's control socket")
      ->envname("WEFT_SOCKET")
      ->capture_default_str();
  app.add_option("-f,--file", options.file, "run commands from FILE (- is standard input)");
  app.add_option("--timeout", options.timeout_s, "seconds to wait for an answer")
      ->check(CLI::Range(1U, 3600U))
      ->capture_default_str();
  app.add_flag("--json", options.is_json, "show commands print the daemon's answer");
  app.footer("Exit status: 0 ok, 1 refused by the daemon, 2 not a command, 3 no daemon.");
  // What follows the first word is the command's, --json behind `show` included.
  app.prefix_command();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "weft: " << error.what() << "\n";
    return status(Exit::usage);
  }
  options.words = app.remaining();
  if (!options.words.empty() && !options.file.empty()) {
    std::cerr << "weft: a command and --file exclude each other\n";
    return status(Exit::usage);
  }
  return run(options);
}
