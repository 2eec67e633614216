// The interactive prompt: a line editor around a session.
//
// TAB completes words of commands, names of live objects and paths, and says what a value should be
// where nothing can be completed. Lines are remembered across sessions (history_file.h). Control-C
// gives up the line that is being written.
#pragma once

#include "control/cli/commands.h"
#include "control/cli/session.h"

namespace weft::cli {

/// Reads and runs lines until `quit` or the end of input. Errors do not end it.
void run_prompt(Session& session, const Grammar& grammar, const LiveNames& live);

}  // namespace weft::cli
