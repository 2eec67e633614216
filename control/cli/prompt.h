// The interactive prompt: GNU readline around a session.
//
// TAB completes words of commands, names of live objects and paths, and says what a value should be
// where nothing can be completed. Lines are remembered in $XDG_STATE_HOME/weft/history
// when that variable is set, else in ~/.weft_history. Control-C gives up the
// line that is being written.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/cli/commands.h"
#include "control/cli/session.h"

namespace weft::cli {

/// Reads and runs lines until `quit` or the end of input. Errors do not end it.
void run_prompt(Session& session, const Grammar& grammar, const LiveNames& live);

/// Where lines are remembered; nullopt when neither XDG_STATE_HOME nor HOME says.
[[nodiscard]] std::optional<std::string> history_path();

}  // namespace weft::cli
