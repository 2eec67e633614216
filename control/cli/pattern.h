// The shape of a command, written as its usage line and compiled into a small tree.
//
// A pattern is the one description of a command: the matcher (match.h) reads words with it, help
// prints it, completion walks it, and it says under which name each value enters the request.
//
//   segment del name=SEGMENT
//   attach container=CONTAINER (segment SEGMENT) (netns PATH | pid PID) [ip addresses=PREFIX]...
//
//   word             that word
//   UPPER            a value of that kind (value.h)
//   one|two|UPPER    one of these; `on|off` becomes true or false
//   field=...        the request's field for this value; without it, the word before (`-` as `_`)
//   @field=...       a value for the CLI itself, which is not sent
//   (...)            a clause that must be given
//   [...]            a clause that may be given; of a single word: its field becomes true
//   [...]...         ... any number of times: the field becomes an array
//   ... | ...        within a clause, with blanks around: one of several
//   field{ ... }     an object, in a repeated clause an array of objects
//   a.b=...          the field `b` of the object `a`
//
// Words and values in front come in the order written; the clauses behind them in any order. Each
// clause is told by its first word, so reading never backtracks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/cli/value.h"

namespace weft::cli {

struct Sequence;

/// One of the things that may stand for a value: a literal, or any word of a kind.
struct Choice {
  std::string literal;  // if kind is nullptr
  const ValueKind* kind{};
};

struct Element {
  std::string word;             // a literal; empty for a value or an object
  std::string field;            // where the value or object goes; a literal alone in its clause too
  std::vector<Choice> choices;  // of a value
  std::vector<Sequence> object;  // the one content of an object
};

struct Clause {
  bool is_required{};
  bool is_repeated{};
  std::vector<Sequence> alternatives;
};

struct Sequence {
  std::vector<Element> elements;  // in this order
  std::vector<Clause> clauses;    // then these, in any order
};

/// Precondition: the pattern is well-formed (asserted; the table's test compiles every row).
[[nodiscard]] Sequence compile_pattern(std::string_view pattern);

/// The usage line in pieces between which it may be broken: the fixed part, then each clause.
[[nodiscard]] std::vector<std::string> format_usage(const Sequence& sequence);

}  // namespace weft::cli
