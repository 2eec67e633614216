#include "control/cli/pattern.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weft::cli {

namespace {

constexpr std::string_view kRepeatedEnd = "]...";

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

/// Blanks separate tokens; brackets are tokens of their own, and so is `|` between blanks.
std::vector<std::string> tokens_of(std::string_view pattern) {
  std::vector<std::string> tokens;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) tokens.push_back(std::exchange(word, {}));
  };
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == ' ') {
      flush();
    } else if (pattern.substr(at).starts_with(kRepeatedEnd)) {
      flush();
      tokens.emplace_back(kRepeatedEnd);
      at += kRepeatedEnd.size() - 1;
    } else if (c == '[' || c == ']' || c == '(' || c == ')' || c == '}') {
      flush();
      tokens.emplace_back(1, c);
    } else {
      word += c;
      if (c == '{') flush();
    }
  }
  flush();
  return tokens;
}

std::string field_name(std::string_view word) {
  std::string field{word};
  std::ranges::replace(field, '-', '_');
  return field;
}

class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : tokens_{tokens_of(pattern)} {}

  Sequence read_all() {
    Sequence sequence = read_sequence();
    assert(at_ == tokens_.size());
    return sequence;
  }

 private:
  [[nodiscard]] bool is_end() const {
    return at_ == tokens_.size() || tokens_[at_] == "]" || tokens_[at_] == ")" ||
           tokens_[at_] == "}" || tokens_[at_] == "|" || tokens_[at_] == kRepeatedEnd;
  }

  Sequence read_sequence() {
    Sequence sequence;
    std::string word_before;
    while (!is_end()) {
      const std::string& token = tokens_[at_];
      if (token == "[" || token == "(") {
        sequence.clauses.push_back(read_clause());
        continue;
      }
      assert(sequence.clauses.empty());  // words and values stand in front of the clauses
      sequence.elements.push_back(read_element(word_before));
      word_before = sequence.elements.back().word;
    }
    return sequence;
  }

  Clause read_clause() {
    Clause clause;
    clause.is_required = tokens_[at_] == "(";
    do {
      ++at_;  // the bracket or the bar
      Sequence& alternative = clause.alternatives.emplace_back(read_sequence());
      assert(!alternative.elements.empty());
      Element& first = alternative.elements.front();
      if (alternative.elements.size() == 1 && !first.word.empty()) {
        first.field = field_name(first.word);
      }
      assert(at_ < tokens_.size());
    } while (tokens_[at_] == "|");
    clause.is_repeated = tokens_[at_++] == kRepeatedEnd;
    return clause;
  }

  Element read_element(std::string_view word_before) {
    std::string_view token = tokens_[at_++];
    Element element;
    if (token.ends_with('{')) {
      element.field = token.substr(0, token.size() - 1);
      element.object.push_back(read_sequence());
      assert(at_ < tokens_.size() && tokens_[at_] == "}");
      ++at_;
      return element;
    }
    const std::size_t equals = token.find('=');
    const bool is_value = equals != std::string_view::npos || is_upper(token.front()) ||
                          token.find('|') != std::string_view::npos;
    if (!is_value) {
      element.word = token;
      return element;
    }
    element.field = field_name(word_before);
    if (equals != std::string_view::npos) {
      element.field = token.substr(0, equals);
      token.remove_prefix(equals + 1);
    }
    assert(!element.field.empty());
    element.choices = read_choices(token);
    return element;
  }

  static std::vector<Choice> read_choices(std::string_view token) {
    std::vector<Choice> choices;
    while (!token.empty()) {
      const std::string_view choice = token.substr(0, token.find('|'));
      token.remove_prefix(std::min(token.size(), choice.size() + 1));
      const ValueKind* kind = is_upper(choice.front()) ? find_value_kind(choice) : nullptr;
      assert(kind != nullptr || !is_upper(choice.front()));
      choices.push_back(kind != nullptr ? Choice{"", kind} : Choice{std::string{choice}, nullptr});
    }
    return choices;
  }

  std::vector<std::string> tokens_;
  std::size_t at_{};
};

std::string format_choices(const std::vector<Choice>& choices) {
  std::string text;
  for (const Choice& choice : choices) {
    if (!text.empty()) text += '|';
    text += choice.kind != nullptr ? std::string{choice.kind->placeholder} : choice.literal;
  }
  return text;
}

std::string join(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string text;
  for (const std::string& piece : pieces) {
    if (!text.empty()) text += separator;
    text += piece;
  }
  return text;
}

std::string format_clause(const Clause& clause) {
  std::vector<std::string> alternatives;
  for (const Sequence& alternative : clause.alternatives) {
    alternatives.push_back(join(format_usage(alternative), " "));
  }
  const std::string text = join(alternatives, " | ");
  // What must be given needs brackets only around a choice.
  if (clause.is_required) return alternatives.size() == 1 ? text : "(" + text + ")";
  return "[" + text + (clause.is_repeated ? "]..." : "]");
}

}  // namespace

Sequence compile_pattern(std::string_view pattern) {
  return PatternReader{pattern}.read_all();
}

std::vector<std::string> format_usage(const Sequence& sequence) {
  std::string fixed;
  for (const Element& element : sequence.elements) {
    if (!fixed.empty()) fixed += ' ';
    if (!element.object.empty()) {
      fixed += join(format_usage(element.object.front()), " ");
    } else {
      fixed += element.word.empty() ? format_choices(element.choices) : element.word;
    }
  }
  std::vector<std::string> pieces{fixed};
  for (const Clause& clause : sequence.clauses) pieces.push_back(format_clause(clause));
  return pieces;
}

}  // namespace weft::cli
