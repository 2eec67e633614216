// Match-action rules name ports and meters by number, as testpmd does. Numbers change when a document is
// applied to a fresh daemon, so requests may name them as well, and documents always do:
//
//   {"action":"port_id","id":16}    is {"action":"port_id","id":"c1/eth0"}
//   {"action":"meter","mtr_id":3}   is {"action":"meter","mtr_id":"acme/cap"}
//
// A port's number is port_number (stats.h); a meter's is its index in Snapshot::meters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

/// The number of an uplink or endpoint, from its number or name. A text of digits is a number first.
/// nullopt: there is no such port.
[[nodiscard]] std::optional<std::uint32_t> find_port(const Model& model, const std::string& text);

/// nullopt: no port has this number.
[[nodiscard]] std::optional<std::string> port_name(const Model& model, std::uint32_t number);

/// "acme/cap"; nullopt: no tenant has a meter of this number.
[[nodiscard]] std::optional<std::string> meter_name(const Model& model, std::uint32_t number);

/// A rule (rule.create), or a list of them (rule.apply), with numbers instead of names. What is not
/// shaped as a rule is left for the parser to refuse.
[[nodiscard]] Outcome<Json> with_numbers(const Model& model, Json params);

/// A rule with names instead of numbers.
[[nodiscard]] Json with_names(const Model& model, Json rule);

/// The parameters of a rule.apply as the document has them: checked and complete, in the order of the rules' numbers,
/// with names. What they name need not exist yet.
[[nodiscard]] Outcome<Json> parse_document_rules(const Model& model, Json params);

/// An object that an action of a rule is about.
struct NamedObject {
  bool is_meter{};   // otherwise it is a port
  std::string name;  // "c1/eth0", "acme/cap"; its number if nothing has it
};
[[nodiscard]] std::vector<NamedObject> names_in(const Json& rule);

/// Whose container has the port; empty: it is an uplink. Precondition: there is such a port.
[[nodiscard]] std::string tenant_of_port(const Model& model, std::uint32_t port);

}  // namespace weft::control
