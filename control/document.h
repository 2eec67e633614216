// Document: the desired state of one host, or of one tenant, as one JSON object.
//
// It holds the parameter objects of the verbs, section by section (README.md, "The document"). What `get` answers,
// what `apply` and `plan` take and what a config file holds is the same.
//
// A section that is absent is not spoken about; one that is present is all there is. So a document without
// "endpoints" leaves containers to whoever attaches them, and `"endpoints": []` detaches them all.
//
// Entries are canonical: checked, complete, every value as `get` writes it. Two entries say the same if and only
// if they are equal, which is what plan.h compares.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/document_parts.h"
#include "control/document_scope.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

struct Document {
  /// By Part. nullopt: the document does not speak about it.
  std::array<std::optional<std::vector<Entry>>, kPartCount> parts;

  [[nodiscard]] const auto& operator[](Part part) const {
    return parts[static_cast<std::size_t>(part)];
  }
  [[nodiscard]] auto& operator[](Part part) { return parts[static_cast<std::size_t>(part)]; }
};

/// Everything there is, every section present.
[[nodiscard]] Document document_of(const Model& model);

/// One entry as document_of has it, and its place among those of its section where that matters (ports, and the L7
/// classes of a tenant). null: there is none. Costs look-ups and the entry itself.
struct PlacedEntry {
  Json json;
  std::int64_t position{};
};
[[nodiscard]] PlacedEntry entry_of(const Model& model, const EntryKey& key);

/// A remote's entry: its static endpoints are told apart by their MACs, so their order says nothing.
[[nodiscard]] Json canonical(RemoteConfig config);

/// Checks what can be judged without applying it; what is outside of `scope` is refused. `model` tells whose an entry is
/// that hangs on something the document does not mention. A refusal names the entry: "segments[2]: ...", field
/// "segments[2].vni".
[[nodiscard]] Outcome<Document> parse_document(
    const Json& json, const Model& model, const Scope& scope = {}
);

/// The document as JSON, as far as `scope` covers it.
[[nodiscard]] Json to_json(const Document& document, const Scope& scope = {});

}  // namespace weft::control
