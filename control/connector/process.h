// Runs a program with a text on its stdin and collects its stdout; stderr goes where ours goes.
#pragma once

#include <string>
#include <vector>

#include "control/connector/deadline.h"
#include "control/connector/problem.h"

namespace weft::connector {

struct Program {
  std::string path;
  std::vector<std::string> environment;  // "K=V", and nothing else
  std::string input;
};

struct Ended {
  int status{};  // exit status; 128 + the signal that ended it
  std::string output;
};

/// Fails when it can not be started, and when it (or a child that holds its stdout) is not done by the
/// deadline: its process group is killed then.
[[nodiscard]] Outcome<Ended> run_program(const Program& program, const Deadline& deadline);

}  // namespace weft::connector
