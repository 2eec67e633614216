// A session: command lines in, text out, the exit status of what happened.
//
// The same object serves the prompt, `-f FILE`, standard input and one-shot commands. It reads a
// line with the grammar, asks the daemon, and writes answers to `out` and sentences about errors
// to `err`. It never exits and never throws; one thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/client.h"
#include "control/cli/commands.h"

namespace weft::cli {

/// The process' exit status. The numbers are documented: scripts test them.
enum class Exit : std::uint8_t {
  ok = 0,
  refused = 1,      // the daemon said no, or there is no such object
  usage = 2,        // not a command
  unreachable = 3,  // no daemon, or it went away before it answered
};

struct SessionOptions {
  bool is_json{};                    // as if every show command ended in --json
  std::size_t width{kDefaultWidth};  // characters in a line
};

class Session {
 public:
  /// `grammar`, `client` and the streams outlive the session.
  Session(
      const Grammar& grammar,
      Client& client,
      std::ostream& out,
      std::ostream& err,
      SessionOptions options
  )
      : grammar_{grammar}, client_{client}, out_{out}, err_{err}, options_{options} {}

  /// Runs one line; an empty one and a comment are ok.
  [[nodiscard]] Exit run_line(std::string_view text);

  /// Runs one command whose words a shell has split.
  [[nodiscard]] Exit run_words(const std::vector<std::string>& words);

  /// Runs lines up to the first error or `quit`. `name` says in errors where the lines are from.
  [[nodiscard]] Exit run_stream(std::istream& lines, const std::string& name);

  /// Opens and runs a file of commands; one that cannot be read is Exit::usage.
  [[nodiscard]] Exit run_file(const std::string& path);

  /// Whether `quit` was run.
  [[nodiscard]] bool has_quit() const noexcept { return has_quit_; }

 private:
  [[nodiscard]] Exit run(const Line& line);
  [[nodiscard]] Exit run_flow(const Line& line);
  [[nodiscard]] Exit act(const Matched& matched, const Line& line);
  [[nodiscard]] Exit call(const Matched& matched);
  [[nodiscard]] Exit call_on_uplink(Matched matched);
  [[nodiscard]] Exit call_method(const Matched& matched, const Line& line);
  [[nodiscard]] Exit set_verbose(Matched matched);
  [[nodiscard]] Exit apply_policy(Matched matched);
  [[nodiscard]] Exit send_document(Matched matched);
  [[nodiscard]] Exit watch(const Matched& matched);
  [[nodiscard]] Exit use_state(const Matched& matched, const Line& line);
  [[nodiscard]] Exit show_help(const Matched& matched);
  [[nodiscard]] Exit print(const Matched& matched, nlohmann::json answer);
  /// Prints why there is no result.
  Exit report(const Answer& answer);
  Exit complain(const Complaint& complaint);
  Exit say(Exit exit, std::string_view sentence);

  const Grammar& grammar_;
  Client& client_;
  std::ostream& out_;
  std::ostream& err_;
  SessionOptions options_;
  bool has_quit_{};
  std::size_t load_depth_{};
};

}  // namespace weft::cli
