// Grammar: all commands tried against a line, and the one that got furthest speaks.
#include <algorithm>

#include "control/cli/commands.h"
#include "control/cli/flow_syntax.h"

namespace weft::cli {

namespace {

/// The words a command begins with, up to its first value: "show port stats".
std::vector<std::string_view> leading_words(const Sequence& pattern) {
  std::vector<std::string_view> words;
  for (const Element& element : pattern.elements) {
    if (element.word.empty()) break;
    words.push_back(element.word);
  }
  return words;
}

std::string indent_usage(const Sequence& pattern, std::size_t width) {
  constexpr std::string_view kIndent = "  ";
  constexpr std::string_view kHanging = "      ";
  std::string text;
  for (const std::string& line : wrap(format_usage(pattern), width - kHanging.size())) {
    text += std::string{text.empty() ? kIndent : kHanging} + line + '\n';
  }
  return text;
}

std::string indent_sentence(std::string_view sentence, std::size_t width) {
  const std::string indent(6, ' ');
  std::string text;
  for (const std::string& line : wrap(split_words(sentence), width - indent.size())) {
    text += indent + line + '\n';
  }
  return text;
}

/// What may follow in a line of `flow`, which has a reader of its own.
std::vector<Expectation> expectations(const std::vector<std::string>& flow_words) {
  std::vector<Expectation> expected;
  for (const std::string& word : flow_words) {
    const bool is_address = word == "IPV4" || word == "IPV6";
    const bool is_rule = word == "RULE";  // of a port, by its number; RULE is a policy rule's name
    const ValueKind* kind = find_value_kind(is_address ? "IP" : is_rule ? "NUMBER" : word);
    expected.push_back({kind == nullptr ? std::string_view{word} : std::string_view{}, kind});
  }
  return expected;
}

}  // namespace

/// What the commands that read most of the line make of it.
struct Grammar::Furthest {
  const Row* complete{};  // the command that the whole line is
  MatchResult result;     // of `complete`, or where all others stopped, with all they expected
};

Grammar::Grammar(std::span<const Command> table) {
  for (const Command& command : table) {
    rows_.push_back(Row{&command, compile_pattern(command.pattern)});
  }
}

Grammar::Furthest Grammar::read_furthest(const Line& line) const {
  Furthest furthest;
  for (const Row& row : rows_) {
    MatchResult result = match(row.pattern, line);
    if (result.is_complete && furthest.complete == nullptr) furthest.complete = &row;
    if (result.stopped_at > furthest.result.stopped_at) furthest.result.expected.clear();
    if (result.stopped_at < furthest.result.stopped_at) continue;
    furthest.result.stopped_at = result.stopped_at;
    if (furthest.complete == &row) {
      furthest.result.params = std::move(result.params);
      furthest.result.local = std::move(result.local);
    }
    for (const Expectation& expectation : result.expected) {
      furthest.result.expected.push_back(expectation);
    }
  }
  return furthest;
}

std::variant<Matched, Complaint> Grammar::read(const Line& line) const {
  Furthest furthest = read_furthest(line);
  MatchResult& result = furthest.result;
  if (furthest.complete != nullptr) {
    return Matched{furthest.complete->command, std::move(result.params), std::move(result.local)};
  }
  if (result.stopped_at == 0) {
    return Complaint{line.text, line.words[0].column, "no such command; `help` lists them all"};
  }
  const bool is_short = result.stopped_at == line.words.size();
  const std::size_t column =
      is_short ? line.end_column() + 1 : line.words[result.stopped_at].column;
  return Complaint{line.text, column, "expected " + format(result.expected, is_short)};
}

Completion Grammar::complete(std::string_view text, const LiveNames& live) const {
  auto split = split_line(text);
  if (!std::holds_alternative<Line>(split)) return {};
  Line line = std::get<Line>(std::move(split));
  // A comment has been cut off; inside one there is nothing to complete.
  if (text.find_first_not_of(" \t", line.end_column()) != std::string_view::npos) return {};
  std::string begun;
  if (!line.words.empty() && line.end_column() == text.size()) {
    begun = line.words.back().text;
    line.words.pop_back();
  }
  std::vector<std::string> flow_words;  // expectations only point to them
  std::vector<Expectation> expected;
  if (is_flow_line(line)) {
    flow_words = next_flow_words(line);
    expected = expectations(flow_words);
  } else {
    const Furthest furthest = read_furthest(line);
    if (furthest.result.stopped_at < line.words.size()) return {};
    expected = furthest.result.expected;
  }

  Completion completion;
  const auto offer = [&](std::string word) {
    if (word.starts_with(begun)) completion.words.push_back(std::move(word));
  };
  for (const Expectation& expectation : expected) {
    if (expectation.kind == nullptr) {
      offer(std::string{expectation.literal});
      continue;
    }
    if (std::ranges::find(completion.kinds, expectation.kind) != completion.kinds.end()) continue;
    completion.kinds.push_back(expectation.kind);
    if (expectation.kind->live == Live::none || expectation.kind->live == Live::files) continue;
    for (std::string& name : live(expectation.kind->live)) offer(std::move(name));
  }
  std::ranges::sort(completion.words);
  // Not std::ranges::unique: clang 14 does not compile libstdc++'s subrange.
  completion.words.erase(
      std::unique(completion.words.begin(), completion.words.end()), completion.words.end()
  );
  return completion;
}

std::string Grammar::help(const std::vector<std::string>& topic, std::size_t width) const {
  std::string text;
  std::string_view section;
  for (const Row& row : rows_) {
    const std::vector<std::string_view> words = leading_words(row.pattern);
    const bool is_asked = std::ranges::all_of(topic, [&](const std::string& word) {
      return word == row.command->section || std::ranges::find(words, word) != words.end();
    });
    if (!is_asked) continue;
    if (row.command->section != section) {
      section = row.command->section;
      text += (text.empty() ? "" : "\n") + std::string{section} + '\n';
    }
    if (topic.empty()) {
      std::string name;
      for (const std::string_view word : words)
        name += (name.empty() ? "" : " ") + std::string{word};
      constexpr std::size_t kNameWidth = 22;
      name.resize(std::max(kNameWidth, name.size() + 1), ' ');
      const auto lines = wrap(split_words(row.command->help), width - kNameWidth - 2);
      text += "  " + name + lines.front() + '\n';
      for (std::size_t i = 1; i < lines.size(); ++i) {
        text += std::string(kNameWidth + 2, ' ') + lines[i] + '\n';
      }
    } else {
      text += indent_usage(row.pattern, width) + indent_sentence(row.command->help, width);
    }
  }
  if (topic.empty()) text += "\n`help WORD...` shows how to write the commands with these words.\n";
  return text;
}

}  // namespace weft::cli
