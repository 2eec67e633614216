#include "control/cli/prompt.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

// readline.h needs FILE and declares no namespace.
#include <readline/history.h>
#include <readline/readline.h>

namespace weft::cli {

namespace {

constexpr const char* kPrompt = "weft> ";
constexpr int kMaxHistory = 1000;  // lines

struct Free {
  void operator()(char* text) const noexcept { std::free(text); }
};

/// What readline's callbacks, which take no context, work with; set while the prompt runs.
struct Context {
  const Grammar* grammar{};
  const LiveNames* live{};
  Completion completion;
  std::size_t next{};
};
Context* g_context = nullptr;

volatile std::sig_atomic_t g_interrupted = 0;

void note_interrupt(int /*signal*/) {
  g_interrupted = 1;
}

/// Readline calls this after a signal that came while it waited for a key.
int give_up_line() {
  if (g_interrupted != 0) {
    g_interrupted = 0;
    rl_crlf();
    rl_on_new_line();
    rl_replace_line("", 0);
    rl_redisplay();
  }
  return 0;
}

/// A signal that came while readline was drawing interrupted no wait.
int next_key(std::FILE* input) {
  give_up_line();
  return rl_getc(input);
}

char* next_candidate(const char* /*begun*/, int state) {
  if (state == 0) g_context->next = 0;
  const auto& words = g_context->completion.words;
  return g_context->next < words.size() ? strdup(words[g_context->next++].c_str()) : nullptr;
}

/// Nothing to complete: say what the value should be, as testpmd does.
void print_hint(const Completion& completion) {
  rl_crlf();
  for (const ValueKind* kind : completion.kinds) {
    std::fprintf(
        rl_outstream,
        "  %.*s: %.*s\n",
        static_cast<int>(kind->placeholder.size()),
        kind->placeholder.data(),
        static_cast<int>(kind->meaning.size()),
        kind->meaning.data()
    );
  }
  rl_on_new_line();
}

char** complete(const char* text, int /*start*/, int /*end*/) {
  const std::string_view before{rl_line_buffer, static_cast<std::size_t>(rl_point)};
  g_context->completion = g_context->grammar->complete(before, *g_context->live);
  const Completion& completion = g_context->completion;
  bool takes_path = false;
  for (const ValueKind* kind : completion.kinds) takes_path |= kind->live == Live::files;
  rl_attempted_completion_over = takes_path ? 0 : 1;
  if (!completion.words.empty()) return rl_completion_matches(text, next_candidate);
  if (!takes_path && !completion.kinds.empty()) print_hint(completion);
  return nullptr;
}

void set_up_readline() {
  rl_readline_name = "weft";
  rl_attempted_completion_function = complete;
  rl_completer_word_break_characters = " \t\n";
  rl_signal_event_hook = give_up_line;
  rl_getc_function = next_key;
}

std::unique_ptr<char, Free> read_line() {
  // Only while a line is being written: Control-C during a command ends the program as usual.
  struct sigaction ours {};
  struct sigaction before {};
  ours.sa_handler = note_interrupt;
  ::sigaction(SIGINT, &ours, &before);
  std::unique_ptr<char, Free> line{::readline(kPrompt)};
  ::sigaction(SIGINT, &before, nullptr);
  return line;
}

/// Appends at once, so that a killed session loses nothing and two sessions share one file.
void remember(const std::string& line, const std::optional<std::string>& path) {
  const HIST_ENTRY* last = ::history_length > 0 ? ::history_get(::history_length) : nullptr;
  if (line.empty() || (last != nullptr && line == last->line)) return;
  ::add_history(line.c_str());
  if (path && ::append_history(1, path->c_str()) == ENOENT) ::write_history(path->c_str());
}

}  // namespace

std::optional<std::string> history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return std::string{state} + "/weft/history";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::string{home} + "/.weft_history";
  return std::nullopt;
}

void run_prompt(Session& session, const Grammar& grammar, const LiveNames& live) {
  Context context{&grammar, &live, {}, 0};
  g_context = &context;
  set_up_readline();
  const std::optional<std::string> history = history_path();
  ::using_history();
  if (history) {
    std::error_code ignored;  // without a directory there is no history: no reason to stop
    std::filesystem::create_directories(std::filesystem::path{*history}.parent_path(), ignored);
    ::read_history(history->c_str());
  }
  while (!session.has_quit()) {
    const auto line = read_line();
    if (line == nullptr) {
      std::puts("");
      break;
    }
    remember(line.get(), history);
    static_cast<void>(session.run_line(line.get()));
  }
  if (history) ::history_truncate_file(history->c_str(), kMaxHistory);
  g_context = nullptr;
}

}  // namespace weft::cli
