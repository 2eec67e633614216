// The one list of commands: pattern, help, request and rendering of each, a row a command.
//
// To add a command, add a row. Nothing else knows its words: the matcher, help and completion read
// them from here. A command that is one request needs no code besides a renderer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/cli/match.h"
#include "control/cli/pattern.h"
#include "control/cli/render.h"
#include "control/cli/words.h"

namespace weft::cli {

/// What a command does with what was read.
enum class Act : std::uint8_t {
  call,            // send the request, print the answer
  call_on_uplink,  // the same; params.name may be a port's number
  call_method,     // send what the user wrote
  set_verbose,     // testpmd's verbosity as a log level
  apply_policy,    // send the rules in a file
  send_document,   // send the document in a file
  watch,           // print events until the connection ends
  state,           // look into a state folder (state_files.h); the second word says what for
  flow,            // read the line with flow_syntax.h
  load,            // run commands from a file
  help,
  quit,
};

struct Command {
  std::string_view section;  // of help
  std::string_view pattern;  // pattern.h
  std::string_view help;     // a sentence
  Act act{Act::call};
  /// One method, or several separated by blanks: the parameters go to the first, the results are
  /// merged.
  std::string_view methods{};
  /// Parameters that are always sent: a JSON object, or empty.
  std::string_view fixed{};
  Renderer render{render_done};
  /// The list in the answer that the local field `name` selects from, and the keys it is compared
  /// with.
  std::string_view list{};
  std::string_view key{};
  std::string_view other_key{};
};

[[nodiscard]] std::span<const Command> commands() noexcept;
/// The part of them about policy, flows, classes and rates (commands_classify.cc).
[[nodiscard]] std::span<const Command> classification_commands() noexcept;

/// A line that is a command.
struct Matched {
  const Command* command{};
  nlohmann::json params;
  nlohmann::json local;
};

/// Names of live objects for completion; may ask the daemon; empty when that fails.
using LiveNames = std::function<std::vector<std::string>(Live live)>;

struct Completion {
  std::vector<std::string> words;       // that may stand at the cursor and begin with what is there
  std::vector<const ValueKind*> kinds;  // that may stand there
};

/// The commands with their patterns compiled.
class Grammar {
 public:
  explicit Grammar(std::span<const Command> table);

  /// Precondition: the line has a word.
  [[nodiscard]] std::variant<Matched, Complaint> read(const Line& line) const;

  /// For the text in front of the cursor.
  [[nodiscard]] Completion complete(std::string_view text, const LiveNames& live) const;

  /// The commands that contain all of the topic's words, or whose section is the topic; without a
  /// topic a short list of all. Empty when there is none.
  [[nodiscard]] std::string help(const std::vector<std::string>& topic, std::size_t width) const;

 private:
  struct Row {
    const Command* command;
    Sequence pattern;
  };
  struct Furthest;
  [[nodiscard]] Furthest read_furthest(const Line& line) const;

  std::vector<Row> rows_;
};

}  // namespace weft::cli
