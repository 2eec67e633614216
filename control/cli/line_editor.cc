#include "control/cli/line_editor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "control/cli/tab.h"

namespace weft::cli {
namespace {

struct Binding {
  const char* key;
  const char* action;
};
// Where libedit's own keys differ from what other shells taught the fingers.
constexpr std::array kBindings{
    Binding{"^I", "weft-complete"},
    Binding{"^C", "weft-give-up"},
    Binding{"^Z", "weft-suspend"},
    Binding{"^R", "em-inc-search-prev"},
    Binding{"^W", "ed-delete-prev-word"},
    Binding{"\\e[1;5C", "em-next-word"},  // Control-right
    Binding{"\\e[1;5D", "ed-prev-word"},  // Control-left
};

std::size_t terminal_width() {
  winsize size{};
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return is_known ? size.ws_col : 80;
}

/// Nothing to complete: what the value should be, as testpmd says it.
std::string hint(const Completion& completion) {
  std::string text;
  for (const ValueKind* kind : completion.kinds) {
    text += "  " + std::string{kind->placeholder} + ": " + std::string{kind->meaning} + '\n';
  }
  return text;
}

/// Below the line that is being written; libedit draws that again.
unsigned char show(const std::string& text) {
  std::fputc('\n', stdout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

}  // namespace

LineEditor::LineEditor(const char* prompt, std::size_t max_history, Complete complete)
    : prompt_{prompt},
      complete_{std::move(complete)},
      history_{::history_init()},
      edit_{::el_init("weft", stdin, stdout, stderr)} {
  EditLine* edit = edit_.get();
  ::el_set(edit, EL_CLIENTDATA, this);
  ::el_set(edit, EL_PROMPT, show_prompt);
  ::el_set(edit, EL_EDITOR, "emacs");
  ::el_set(edit, EL_SIGNAL, 1);  // whatever ends or stops the program finds the terminal as it was
  ::el_set(edit, EL_SETTY, "-d", "-isig", nullptr);
  ::el_set(edit, EL_ADDFN, "weft-complete", "complete the word or say what it is", on_tab);
  ::el_set(edit, EL_ADDFN, "weft-give-up", "begin a new line", on_control_c);
  ::el_set(edit, EL_ADDFN, "weft-suspend", "back to the shell until fg", on_control_z);
  for (const Binding& binding : kBindings) {
    ::el_set(edit, EL_BIND, binding.key, binding.action, nullptr);
  }
  HistEvent ignored{};
  ::history(history_.get(), &ignored, H_SETSIZE, static_cast<int>(max_history));
  ::history(history_.get(), &ignored, H_SETUNIQUE, 1);
  ::el_set(edit, EL_HIST, ::history, history_.get());
  ::el_source(edit, nullptr);
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read() {
  for (;;) {
    is_given_up_ = false;
    // Before the prompt, not behind it as libedit does by itself: a quick Control-C must be a key.
    ::el_set(edit_.get(), EL_PREP_TERM, 1);
    int count = 0;
    errno = 0;
    const char* text = ::el_gets(edit_.get(), &count);
    if (is_given_up_) continue;
    if (text == nullptr && count < 0 && errno == EINTR) continue;
    if (text == nullptr || count <= 0) return std::nullopt;
    std::string line{text, static_cast<std::size_t>(count)};
    if (line.ends_with('\n')) line.pop_back();
    return line;
  }
}

void LineEditor::remember(const std::string& line) {
  HistEvent ignored{};
  ::history(history_.get(), &ignored, H_ENTER, line.c_str());
}

LineEditor& LineEditor::of(EditLine* edit) noexcept {
  void* editor = nullptr;
  ::el_get(edit, EL_CLIENTDATA, &editor);
  return *static_cast<LineEditor*>(editor);
}

char* LineEditor::show_prompt(EditLine* edit) noexcept {
  return const_cast<char*>(of(edit).prompt_);  // libedit only reads it
}

unsigned char LineEditor::on_tab(EditLine* edit, int /*key*/) {
  const LineInfo* line = ::el_line(edit);
  const std::string_view before{
      line->buffer, static_cast<std::size_t>(line->cursor - line->buffer)};
  const std::string_view begun = begun_word(before);
  Completion completion = of(edit).complete_(before);
  const bool takes_path = std::ranges::any_of(completion.kinds, [](const ValueKind* kind) {
    return kind->live == Live::files;
  });
  if (takes_path) {
    for (std::string& path : paths(begun)) completion.words.push_back(std::move(path));
  }
  if (completion.words.empty()) {
    return completion.kinds.empty() ? CC_REFRESH_BEEP : show(hint(completion));
  }
  const std::string added = extension(completion.words, begun);
  if (added.empty()) return show(columns(completion.words, terminal_width()));
  return ::el_insertstr(edit, added.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

unsigned char LineEditor::on_control_c(EditLine* edit, int /*key*/) {
  of(edit).is_given_up_ = true;
  return CC_NEWLINE;
}

unsigned char LineEditor::on_control_z(EditLine* /*edit*/, int /*key*/) {
  ::raise(SIGTSTP);  // libedit's handler gives the terminal back first
  return CC_REDISPLAY;
}

}  // namespace weft::cli
