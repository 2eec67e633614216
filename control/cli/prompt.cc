#include "control/cli/prompt.h"

#include <clocale>
#include <cstdio>
#include <string>

#include "control/cli/history_file.h"
#include "control/cli/line_editor.h"

namespace weft::cli {

namespace {

constexpr const char* kPrompt = "weft> ";
constexpr std::size_t kMaxHistory = 1000;  // lines

}  // namespace

void run_prompt(Session& session, const Grammar& grammar, const LiveNames& live) {
  std::setlocale(LC_CTYPE, "");  // the editor reads characters, not octets
  LineEditor editor{kPrompt, kMaxHistory, [&](std::string_view before) {
                      return grammar.complete(before, live);
                    }};
  const HistoryFile file{history_path()};
  std::string last;
  for (const std::string& line : file.lines()) {
    editor.remember(line);
    last = line;
  }
  while (!session.has_quit()) {
    const auto line = editor.read();
    if (!line) {
      std::puts("");
      break;
    }
    if (!line->empty() && *line != last) {
      editor.remember(*line);
      file.append(*line);
      last = *line;
    }
    static_cast<void>(session.run_line(*line));
  }
  file.keep_last(kMaxHistory);
}

}  // namespace weft::cli
