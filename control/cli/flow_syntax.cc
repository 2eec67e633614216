#include "control/cli/flow_syntax.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "dataplane/net/addr.h"
#include "dataplane/net/match_field.h"

namespace weft::cli {
namespace {

using namespace classifier;  // NOLINT: the words of the grammar
using Json = nlohmann::json;

/// Decimal, or hexadecimal behind 0x.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A port's number, or the name that it has; never an option.
std::optional<Json> parse_port(std::string_view word) {
  if (const auto number = parse_number(word)) return Json(*number);
  if (word.empty() || word.front() == '-') return std::nullopt;
  return Json(word);
}

std::string_view placeholder_of(FieldForm form) {
  switch (form) {
    case FieldForm::number:
      return "NUMBER";
    case FieldForm::mac:
      return "MAC";
    case FieldForm::ipv4:
      return "IPV4";
    case FieldForm::ipv6:
      return "IPV6";
  }
  return "";
}

std::string_view meaning_of(std::string_view placeholder) {
  if (placeholder == "NUMBER") return "a number";
  if (placeholder == "MAC") return "a MAC address, as 02:00:00:00:00:01";
  if (placeholder == "IPV4") return "an IPv4 address";
  if (placeholder == "IPV6") return "an IPv6 address";
  if (placeholder == "PORT") return "a port's number or name";
  if (placeholder == "RULE") return "a rule's number";
  return {};
}

/// Reads words from left to right and remembers what it would have taken where it is.
class FlowReader {
 public:
  explicit FlowReader(const Line& line) : line_{line} { (void)take("flow"); }

  /// The whole line; nullopt: stopped, see complaint() and expected().
  std::optional<FlowRequest> read() {
    std::optional<FlowRequest> request = read_verb();
    if (!request) return std::nullopt;
    if (request->method == "rule.list" || request->method == "rule.query") {
      request->is_json = take("--json");
    }
    expect("end of line");
    return is_at_end() ? request : std::nullopt;
  }

  [[nodiscard]] Complaint complaint() const {
    std::vector<std::string> shown;
    for (const std::string& word : expected_) {
      if (word == "--json" || (word == "end of line" && expected_.size() > 2)) continue;
      const std::string_view meaning = meaning_of(word);
      const bool is_word = meaning.empty() && word != "end of line";
      shown.push_back(is_word ? "`" + word + "`" : std::string{meaning.empty() ? word : meaning});
    }
    std::string sentence = "expected ";
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (i > 0) sentence += i + 1 == shown.size() ? " or " : ", ";
      sentence += shown[i];
    }
    const std::size_t column = is_at_end() ? line_.end_column() + 1 : line_.words[at_].column;
    return Complaint{line_.text, column, std::move(sentence)};
  }

  [[nodiscard]] bool is_at_end() const noexcept { return at_ >= line_.words.size(); }
  [[nodiscard]] const std::vector<std::string>& expected() const noexcept { return expected_; }

 private:
  void expect(std::string_view word) {
    if (std::ranges::find(expected_, word) == expected_.end()) expected_.emplace_back(word);
  }
  void advance() {
    ++at_;
    expected_.clear();
  }
  [[nodiscard]] std::string_view word() const {
    return is_at_end() ? std::string_view{} : std::string_view{line_.words[at_].text};
  }

  bool take(std::string_view wanted) {
    expect(wanted);
    if (is_at_end() || word() != wanted) return false;
    advance();
    return true;
  }

  template <typename Parse>
  std::optional<Json> take_value(std::string_view placeholder, Parse parse) {
    expect(placeholder);
    if (is_at_end()) return std::nullopt;
    std::optional<Json> value = parse(word());
    if (value) advance();
    return value;
  }
  std::optional<Json> take_number(std::string_view placeholder = "NUMBER") {
    return take_value(placeholder, [](std::string_view text) -> std::optional<Json> {
      const auto number = parse_number(text);
      return number ? std::optional<Json>{*number} : std::nullopt;
    });
  }
  std::optional<Json> take_field_value(FieldForm form) {
    if (form == FieldForm::number) return take_number();
    return take_value(placeholder_of(form), [form](std::string_view text) -> std::optional<Json> {
      if (form == FieldForm::mac) {
        return weft::parse_mac(text) ? std::optional<Json>{text} : std::nullopt;
      }
      const auto address = weft::parse_ip(text);
      const bool is_right = address && address->is_v4() == (form == FieldForm::ipv4);
      return is_right ? std::optional<Json>{text} : std::nullopt;
    });
  }

  std::optional<FlowRequest> read_verb() {
    if (take("validate")) return read_rule("rule.validate", render_rule_validated);
    if (take("create")) return read_rule("rule.create", render_rule_created);
    if (take("destroy")) return read_destroy();
    if (take("flush")) return read_flush();
    if (take("list")) return read_list();
    if (take("query")) return read_query();
    return std::nullopt;
  }

  std::optional<FlowRequest> begin(std::string method, Renderer render) {
    std::optional<Json> port = take_value("PORT", parse_port);
    if (!port) return std::nullopt;
    FlowRequest request{std::move(method), Json::object(), render, false};
    request.params["port"] = std::move(*port);
    return request;
  }

  std::optional<FlowRequest> read_rule(std::string method, Renderer render) {
    auto request = begin(std::move(method), render);
    if (!request || !read_attributes(request->params)) return std::nullopt;
    if (!read_list_of("pattern", request->params, &FlowReader::read_item)) return std::nullopt;
    if (!take("actions")) return std::nullopt;
    if (!read_elements("actions", request->params, &FlowReader::read_action)) return std::nullopt;
    return request;
  }

  /// Any number of attributes, up to the word `pattern`, which stays.
  bool read_attributes(Json& params) {
    for (;;) {
      if (take("ingress")) {
        params["ingress"] = true;
      } else if (take("group")) {
        auto group = take_number();
        if (!group) return false;
        params["group"] = std::move(*group);
      } else if (take("priority")) {
        auto priority = take_number();
        if (!priority) return false;
        params["priority"] = std::move(*priority);
      } else {
        return true;
      }
    }
  }

  using ReadElement = bool (FlowReader::*)(Json& element);

  bool read_list_of(std::string_view name, Json& params, ReadElement read_element) {
    return take(name) && read_elements(name, params, read_element);
  }

  /// ELEMENT / ELEMENT / end
  bool read_elements(std::string_view name, Json& params, ReadElement read_element) {
    Json elements = Json::array();
    while (!take("end")) {
      Json element = Json::object();
      if (!(this->*read_element)(element) || !take("/")) return false;
      elements.push_back(std::move(element));
    }
    params[std::string{name}] = std::move(elements);
    return true;
  }

  bool read_item(Json& element) {
    for (const MatchItemInfo& row : kMatchItems) {
      if (!take(row.name)) continue;
      element["item"] = row.name;
      return read_fields(row.item, element);
    }
    return false;
  }

  bool read_fields(MatchItem item, Json& element) {
    for (;;) {
      const MatchFieldInfo* field = nullptr;
      for (const MatchFieldInfo& row : kMatchFields) {
        if (row.item == item && take(row.name)) {
          field = &row;
          break;
        }
      }
      if (field == nullptr) return true;
      if (!read_relation(*field, element[std::string{field->name}])) return false;
    }
  }

  /// What follows a field's name. `value` is what earlier relations of the field have made of it: the
  /// bare value if `is` was the last of them, else an object.
  bool read_relation(const MatchFieldInfo& field, Json& value) {
    if (take("is")) {
      auto given = take_field_value(field.form);
      if (given) value = std::move(*given);
      return given.has_value();
    }
    for (const char* part : {"spec", "last", "mask", "prefix"}) {
      if (!take(part)) continue;
      auto given =
          part == std::string_view{"prefix"} ? take_number() : take_field_value(field.form);
      if (!given) return false;
      if (value.is_null()) value = Json::object();
      if (!value.is_object()) value = Json{{"spec", value}};
      // The two ways to say a mask: the later one holds.
      if (part == std::string_view{"mask"}) value.erase("prefix");
      if (part == std::string_view{"prefix"}) value.erase("mask");
      value[part] = std::move(*given);
      return true;
    }
    return false;
  }

  bool read_action(Json& element) {
    for (const MatchActionInfo& row : kMatchActions) {
      if (!take(row.name)) continue;
      element["action"] = row.name;
      if (row.parameter.empty()) return true;
      if (!take(row.parameter)) return false;
      auto value = take_number();
      if (value) element[std::string{row.parameter}] = std::move(*value);
      return value.has_value();
    }
    return false;
  }

  std::optional<FlowRequest> read_destroy() {
    auto request = begin("rule.destroy", render_rules_destroyed);
    if (!request) return std::nullopt;
    Json rules = Json::array();
    while (take("rule")) {
      auto rule = take_number("RULE");
      if (!rule) return std::nullopt;
      rules.push_back(std::move(*rule));
    }
    if (rules.empty()) return std::nullopt;
    request->params["rules"] = std::move(rules);
    return request;
  }

  std::optional<FlowRequest> read_flush() { return begin("rule.flush", render_rules_destroyed); }

  std::optional<FlowRequest> read_list() {
    auto request = begin("rule.list", render_rules);
    if (!request || !take("group")) return request;
    auto group = take_number();
    if (!group) return std::nullopt;
    request->params["group"] = std::move(*group);
    return request;
  }

  std::optional<FlowRequest> read_query() {
    auto request = begin("rule.query", render_rule_counts);
    if (!request) return std::nullopt;
    auto rule = take_number("RULE");
    if (!rule || !take("count")) return std::nullopt;
    request->params["rule"] = std::move(*rule);
    request->params["action"] = "count";
    return request;
  }

  const Line& line_;
  std::size_t at_{};
  std::vector<std::string> expected_;
};

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

}  // namespace

bool is_flow_line(const Line& line) noexcept {
  return !line.words.empty() && line.words[0].text == "flow";
}

std::variant<FlowRequest, Complaint> read_flow(const Line& line) {
  FlowReader reader{line};
  if (auto request = reader.read()) return std::move(*request);
  return reader.complaint();
}

std::vector<std::string> next_flow_words(const Line& line) {
  FlowReader reader{line};
  (void)reader.read();
  if (!reader.is_at_end()) return {};
  std::vector<std::string> words = reader.expected();
  std::erase(words, "end of line");
  return words;
}

std::string_view flow_usage() noexcept {
  return "flow validate|create PORT [group 0] [priority NUMBER] [ingress] pattern ITEM... end "
         "actions ACTION... end\n"
         "flow destroy PORT rule RULE [rule RULE]...\n"
         "flow flush PORT\n"
         "flow list PORT [group 0] [--json]\n"
         "flow query PORT RULE count [--json]\n";
}

std::string render_rule_validated(const Json& answer, const View& /*view*/) {
  std::string text = "Flow rule validated\n";
  if (text_at(answer, "where") == "sw") {
    text += "It would be in software: " + text_at(answer, "software_because") + '\n';
  }
  return text;
}

std::string render_rule_created(const Json& answer, const View& /*view*/) {
  std::string text = "Flow rule #" + text_at(answer, "rule") + " created\n";
  if (text_at(answer, "where") == "sw") {
    text += "It is in software: " + text_at(answer, "software_because") + '\n';
  }
  return text;
}

std::string render_rules_destroyed(const Json& answer, const View& /*view*/) {
  std::string text;
  for (const Json& rule : list_at(answer, "destroyed")) {
    text += "Flow rule #" + text_of(rule) + " destroyed\n";
  }
  return text.empty() ? "no rules\n" : text;
}

std::string render_rules(const Json& answer, const View& view) {
  Table table{
      {{"ID", Align::right},
       {"Group", Align::right},
       {"Prio", Align::right},
       {"Attr"},
       {"HW/SW"},
       {"Rule"}}};
  bool is_empty = true;
  for (const Json& rule : list_at(answer, "rules")) {
    is_empty = false;
    table.add(
        {text_at(rule, "rule"),
         text_at(rule, "group"),
         text_at(rule, "priority"),
         "i--",
         upper(text_at(rule, "where")),
         summary_of_rule(rule)}
    );
  }
  return is_empty ? "no rules\n" : table.format(view.width);
}

std::string render_rule_counts(const Json& answer, const View& /*view*/) {
  return "COUNT:\n hits_set: 1\n bytes_set: 1\n hits: " + text_at(answer, "hits") +
         "\n bytes: " + text_at(answer, "octets") + '\n';
}

std::string summary_of_rule(const Json& rule) {
  std::string text;
  for (const Json& item : list_at(rule, "pattern")) {
    text += upper(printable(text_at(item, "item"))) + ' ';
  }
  text += "=>";
  for (const Json& action : list_at(rule, "actions")) {
    text += ' ' + upper(printable(text_at(action, "action")));
  }
  return text;
}

}  // namespace weft::cli
