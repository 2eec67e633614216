// testpmd's `flow` commands: words in, a request out, and answers in testpmd's look.
//
//   flow validate|create PORT [group 0] [priority N] [ingress] pattern ITEM... end actions ACTION... end
//   flow destroy PORT rule ID [rule ID]...
//   flow flush PORT
//   flow list PORT [group 0]
//   flow query PORT ID count
//
//   ITEM:    NAME [FIELD is|spec|last|mask|prefix VALUE]... /
//   ACTION:  NAME [PARAMETER VALUE]... /
//
// Patterns nest differently from all other commands, so they have a reader of their own beside
// pattern.h. It works the same way: it notes all that could have stood where it stopped, and that one list
// is both the error and the completion. Items, fields and actions come from dataplane/net/match_field.h.
//
// `is` is spec with a full mask; spec without a mask is compared in full too; what is written later wins.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/cli/render.h"
#include "control/cli/words.h"

namespace weft::cli {

/// A `flow` line as a request.
struct FlowRequest {
  std::string method;  // "rule.create"
  nlohmann::json params;
  Renderer render{};
  bool is_json{};  // the line ends in --json
};

/// Whether the line is for this reader.
[[nodiscard]] bool is_flow_line(const Line& line) noexcept;

/// Precondition: is_flow_line(line).
[[nodiscard]] std::variant<FlowRequest, Complaint> read_flow(const Line& line);

/// What may stand behind the line's words: words as they are, values as "PORT", "NUMBER", "MAC", "IP".
/// Empty when the line is wrong before its end. Precondition: is_flow_line(line).
[[nodiscard]] std::vector<std::string> next_flow_words(const Line& line);

/// Usage lines for help.
[[nodiscard]] std::string_view flow_usage() noexcept;

// Answers: of rule.validate, rule.create, rule.destroy, rule.flush, rule.list, rule.query.
[[nodiscard]] std::string render_rule_validated(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_rule_created(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_rules_destroyed(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_rules(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_rule_counts(const nlohmann::json& answer, const View& view);

/// A rule as testpmd's list shows it: "ETH IPV4 UDP => COUNT DROP".
[[nodiscard]] std::string summary_of_rule(const nlohmann::json& rule);

}  // namespace weft::cli
