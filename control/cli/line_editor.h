// One line at a time from the terminal: libedit (BSD licence), with TAB, history and Control-C.
//
//   LineEditor editor{"weft> ", [&](std::string_view before) { return grammar.complete(before, live); }};
//   while (const auto line = editor.read()) { editor.remember(*line); ... }
//
// Control-C is a key like others while a line is being written, not a signal (libedit switches the
// terminal's ISIG off), so there is no handler and no race: it gives up the line. During a command
// it is the signal again, and ends the program. Control-Z stops the program at both times.
// ~/.editrc is read, as by every program that uses libedit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <histedit.h>

#include "control/cli/commands.h"

namespace weft::cli {

class LineEditor {
 public:
  /// What may stand at the cursor, from the text in front of it.
  using Complete = std::function<Completion(std::string_view before_cursor)>;

  /// `prompt` must outlive the editor.
  LineEditor(const char* prompt, std::size_t max_history, Complete complete);
  // libedit knows this object by its address.
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// The next line without its line feed; nullopt at the end of input (Control-D on an empty line).
  [[nodiscard]] std::optional<std::string> read();

  /// Offers the line again on "up". Not twice in a row.
  void remember(const std::string& line);

 private:
  struct End {
    void operator()(EditLine* edit) const noexcept { ::el_end(edit); }
    void operator()(History* history) const noexcept { ::history_end(history); }
  };

  static LineEditor& of(EditLine* edit) noexcept;
  static char* show_prompt(EditLine* edit) noexcept;
  static unsigned char on_tab(EditLine* edit, int key);
  static unsigned char on_control_c(EditLine* edit, int key);
  static unsigned char on_control_z(EditLine* edit, int key);

  const char* prompt_;
  Complete complete_;
  bool is_given_up_{};
  std::unique_ptr<History, End> history_;
  std::unique_ptr<EditLine, End> edit_;  // uses history_: ends first
};

}  // namespace weft::cli
