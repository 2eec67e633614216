#include "control/params_l7.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace weft::control {
namespace {

using classifier::L7Direction;
using classifier::L7Pattern;
using classifier::L7Protocol;

constexpr std::array<std::string_view, 3> kProtocols{"any", "tcp", "udp"};
constexpr std::array<std::string_view, 3> kDirections{"both", "to_server", "to_client"};

/// The value whose word stands at its place in `words`.
template <typename Value, std::size_t kCount>
std::optional<Value> parse_word(
    const std::array<std::string_view, kCount>& words, std::string_view text
) {
  const auto* found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Value>(found - words.begin());
}

L7Pattern read_pattern(Fields& outer, const Json& json, const std::string& path) {
  L7Pattern pattern;
  if (json.is_string()) {
    pattern.text = json.get<std::string>();
    pattern.name = pattern.text;
    return pattern;
  }
  Fields fields{json, "l7", path};
  if (fields.has("regex")) {
    pattern.kind = L7Pattern::Kind::regex;
    pattern.text = fields.required_text("regex");
    pattern.is_caseless = fields.flag("caseless", false);
    pattern.dot_matches_newline = fields.flag("dot_matches_newline", false);
    pattern.is_multiline = fields.flag("multiline", false);
  } else {
    pattern.text = fields.required_text("builtin");
  }
  pattern.protocol = fields.word(
      "protocol",
      L7Protocol::any,
      [](std::string_view text) { return parse_word<L7Protocol>(kProtocols, text); },
      "any, tcp, udp"
  );
  pattern.direction = fields.word(
      "direction",
      L7Direction::both,
      [](std::string_view text) { return parse_word<L7Direction>(kDirections, text); },
      "both, to_server, to_client"
  );
  pattern.name = pattern.text;
  outer.adopt(fields.finish());
  return pattern;
}

Json pattern_json(const L7Pattern& pattern) {
  const L7Pattern plain{.name = pattern.text, .text = pattern.text};
  if (pattern == plain) return pattern.text;
  const bool is_regex = pattern.kind == L7Pattern::Kind::regex;
  Json json{{is_regex ? "regex" : "builtin", pattern.text}};
  json["protocol"] = kProtocols[static_cast<std::size_t>(pattern.protocol)];
  json["direction"] = kDirections[static_cast<std::size_t>(pattern.direction)];
  if (is_regex) {
    json["caseless"] = pattern.is_caseless;
    json["dot_matches_newline"] = pattern.dot_matches_newline;
    json["multiline"] = pattern.is_multiline;
  }
  return json;
}

}  // namespace

Outcome<L7Addition> parse_l7_addition(const Json& json) {
  Fields fields{json, "l7"};
  L7Addition addition;
  addition.tenant = fields.required_name("tenant");
  addition.l7.name = fields.required_name("name");
  fields.for_each("patterns", [&](const Json& element, const std::string& path) {
    if (fields.is_ok()) addition.l7.patterns.push_back(read_pattern(fields, element, path));
  });
  if (fields.is_ok() && addition.l7.patterns.empty()) {
    fields.refuse("patterns", "lists no pattern");
  }
  if (addition.l7.patterns.size() > classifier::kMaxL7Patterns) {
    fields.refuse(
        "patterns", "more than " + std::to_string(classifier::kMaxL7Patterns) + " elements"
    );
  }
  if (auto failure = fields.finish()) return *failure;
  return addition;
}

Json to_json(const L7ClassConfig& config) {
  Json patterns = Json::array();
  for (const L7Pattern& pattern : config.patterns) patterns.push_back(pattern_json(pattern));
  return Json{{"name", config.name}, {"patterns", std::move(patterns)}};
}

}  // namespace weft::control
