#include "control/cli/match.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace weft::cli {

namespace {

using Json = nlohmann::json;

/// "bum_budget.broadcast" as the JSON pointer "/bum_budget/broadcast".
Json::json_pointer pointer_to(std::string_view field) {
  std::string path = "/" + std::string{field};
  std::ranges::replace(path, '.', '/');
  return Json::json_pointer{path};
}

class Matcher {
 public:
  explicit Matcher(const Line& line) : line_{line} {}

  MatchResult run(const Sequence& pattern) {
    const bool matched = read_sequence(pattern, result_.params, false);
    result_.is_complete = matched && at_ == line_.words.size();
    result_.stopped_at = at_;
    return std::move(result_);
  }

 private:
  [[nodiscard]] const Word* next() const {
    return at_ < line_.words.size() ? &line_.words[at_] : nullptr;
  }

  void advance(std::size_t count = 1) {
    at_ += count;
    result_.expected.clear();
  }

  void expect(const Expectation& expectation) {
    const auto same = std::ranges::find_if(result_.expected, [&](const Expectation& other) {
      return other.literal == expectation.literal && other.kind == expectation.kind;
    });
    if (same == result_.expected.end()) {
      result_.expected.push_back(expectation);
    } else {
      same->is_required |= expectation.is_required;
    }
  }

  /// Notes the words with which a sequence can begin.
  void expect_first(const Sequence& sequence, bool is_required) {
    const Element& first = sequence.elements.front();
    if (!first.object.empty()) {
      expect_first(first.object.front(), is_required);
    } else {
      expect_element(first, is_required);
    }
  }

  void expect_element(const Element& element, bool is_required) {
    if (!element.word.empty()) expect({element.word, nullptr, is_required});
    for (const Choice& choice : element.choices) {
      expect({choice.literal, choice.kind, is_required});
    }
  }

  /// The choice that accepts the word; a literal goes before a kind.
  static const Choice* find_choice(const Element& element, std::string_view word) {
    const Choice* by_kind = nullptr;
    for (const Choice& choice : element.choices) {
      if (choice.kind == nullptr && choice.literal == word) return &choice;
      if (choice.kind != nullptr && choice.kind->accepts(word)) by_kind = &choice;
    }
    return by_kind;
  }

  static bool begins_with(const Sequence& sequence, std::string_view word) {
    const Element& first = sequence.elements.front();
    if (!first.object.empty()) return begins_with(first.object.front(), word);
    if (!first.word.empty()) return first.word == word;
    return find_choice(first, word) != nullptr;
  }

  bool read_sequence(const Sequence& sequence, Json& into, bool is_repeated) {
    for (const Element& element : sequence.elements) {
      if (!read_element(element, into, is_repeated)) return false;
    }
    return read_clauses(sequence.clauses, into);
  }

  bool read_element(const Element& element, Json& into, bool is_repeated) {
    if (!element.object.empty()) {
      Json object = Json::object();
      const bool was_read = read_sequence(element.object.front(), object, false);
      bind(element.field, std::move(object), into, is_repeated);
      return was_read;
    }
    const Word* word = next();
    if (!element.word.empty()) {
      if (word == nullptr || word->text != element.word) {
        expect_element(element, true);
        return false;
      }
      advance();
      if (!element.field.empty()) bind(element.field, true, into, is_repeated);
      return true;
    }
    const Choice* choice = word == nullptr ? nullptr : find_choice(element, word->text);
    if (choice == nullptr) {
      expect_element(element, true);
      return false;
    }
    Json value = value_of(element, *choice, *word);
    if (choice->kind != nullptr && choice->kind->form == ValueForm::entry) {
      into[pointer_to(element.field)].update(value);
    } else {
      bind(element.field, std::move(value), into, is_repeated);
    }
    const bool takes_rest = choice->kind != nullptr && choice->kind->form == ValueForm::rest;
    advance(takes_rest ? line_.words.size() - at_ : 1);
    return true;
  }

  [[nodiscard]] Json value_of(const Element& element, const Choice& choice, const Word& word)
      const {
    if (choice.kind == nullptr) {
      if (element.choices.size() == 1) return true;
      const bool is_switch = std::ranges::all_of(element.choices, [](const Choice& other) {
        return other.literal == "on" || other.literal == "off";
      });
      return is_switch ? Json(word.text == "on") : Json(word.text);
    }
    switch (choice.kind->form) {
      case ValueForm::text:
        return word.text;
      case ValueForm::number:
        return std::stoull(word.text);
      case ValueForm::rest:
        return line_.text.substr(word.column);
      case ValueForm::converted:
      case ValueForm::entry:
        return choice.kind->convert(word.text);
    }
    return nullptr;
  }

  void bind(std::string_view field, Json value, Json& into, bool is_repeated) {
    const bool is_local = field.starts_with('@');
    if (is_local) field.remove_prefix(1);
    Json& slot = (is_local ? result_.local : into)[pointer_to(field)];
    if (is_repeated) {
      slot.push_back(std::move(value));
    } else {
      slot = std::move(value);
    }
  }

  bool read_clauses(const std::vector<Clause>& clauses, Json& into) {
    std::vector<bool> seen(clauses.size(), false);
    for (;;) {
      const std::size_t index = find_clause(clauses, seen);
      if (index == clauses.size()) break;
      const Clause& clause = clauses[index];
      const auto chosen = std::ranges::find_if(clause.alternatives, [&](const Sequence& sequence) {
        return begins_with(sequence, next()->text);
      });
      seen[index] = true;
      if (!read_sequence(*chosen, into, clause.is_repeated)) return false;
    }
    bool is_missing = false;
    for (std::size_t i = 0; i < clauses.size(); ++i) {
      if (seen[i] && !clauses[i].is_repeated) continue;
      const bool is_required = clauses[i].is_required && !seen[i];
      is_missing |= is_required;
      for (const Sequence& alternative : clauses[i].alternatives) {
        expect_first(alternative, is_required);
      }
    }
    return !is_missing;
  }

  /// The clause that the next word opens; clauses.size() if none. Words go before values, so that
  /// an optional value in front never swallows a keyword.
  [[nodiscard]] std::size_t find_clause(
      const std::vector<Clause>& clauses, const std::vector<bool>& seen
  ) const {
    const Word* word = next();
    if (word == nullptr) return clauses.size();
    std::size_t by_value = clauses.size();
    for (std::size_t i = 0; i < clauses.size(); ++i) {
      if (seen[i] && !clauses[i].is_repeated) continue;
      for (const Sequence& alternative : clauses[i].alternatives) {
        if (!begins_with(alternative, word->text)) continue;
        const Element& first = alternative.elements.front();
        if (!first.word.empty() || !first.object.empty()) return i;
        by_value = std::min(by_value, i);
      }
    }
    return by_value;
  }

  const Line& line_;
  std::size_t at_{};
  MatchResult result_;
};

}  // namespace

MatchResult match(const Sequence& pattern, const Line& line) {
  return Matcher{line}.run(pattern);
}

std::string format(const std::vector<Expectation>& expected, bool required_only) {
  std::vector<std::string> names;
  for (const Expectation& expectation : expected) {
    if (required_only && !expectation.is_required) continue;
    std::string name = expectation.kind != nullptr ? std::string{expectation.kind->meaning}
                                                   : "`" + std::string{expectation.literal} + "`";
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  if (names.empty()) return "the end of the command";
  std::string text = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) {
    text += (i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  return text;
}

}  // namespace weft::cli
