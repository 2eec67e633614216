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
#include <string>
#include <vector>

#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

/// Sections in the order in which they can be applied to an empty host: what is named comes before who names it, and
/// rules before whom they protect.
enum class Part : std::uint8_t {
  budgets,
  ports,
  schedulers,
  tenants,
  meters,
  tenant_settings,
  l7,
  policies,
  segments,
  remotes,
  endpoints,
  rules,
};
inline constexpr std::size_t kPartCount = 12;
/// "segments": as in the document.
[[nodiscard]] const char* name(Part part) noexcept;

struct Entry {
  std::string name;    // within its section: "blue", "acme/cap", "blue 192.0.2.2", "c1/eth0"
  std::string tenant;  // whose it is; empty: the host's
  Json json;
  std::size_t index{};  // in its section, as written
};

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

/// Checks what can be judged without applying it. `tenant`: the document is that tenant's part, and entries of anybody
/// else are refused. `model` tells whose an entry is that hangs on something the document does not mention. A
/// refusal names the entry: "segments[2]: ...", field "segments[2].vni".
[[nodiscard]] Outcome<Document> parse_document(
    const Json& json, const Model& model, const std::optional<std::string>& tenant = {}
);

/// The document as JSON, with `tenant` only that tenant's part of it.
[[nodiscard]] Json to_json(const Document& document, const std::optional<std::string>& tenant = {});

/// `failure` of the entry with this index, in the document's terms.
[[nodiscard]] Failure failure_of(Part part, std::size_t index, Failure failure);

}  // namespace weft::control
