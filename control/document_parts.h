// The sections of a document, and how its entries are called.
//
// Below document.h, scope.h and comparison.h: what all of them say about one entry.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

/// Most static endpoints of one remote.add; more are added by adding again.
inline constexpr std::size_t kMaxRemoteEndpoints = 4096;

/// Sections in the order in which they can be applied to an empty host: what is named comes before who names it, and
/// rules before whom they protect.
enum class Part : std::uint8_t {
  access,
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
inline constexpr std::array kParts{
    Part::access,
    Part::budgets,
    Part::ports,
    Part::schedulers,
    Part::tenants,
    Part::meters,
    Part::tenant_settings,
    Part::l7,
    Part::policies,
    Part::segments,
    Part::remotes,
    Part::endpoints,
    Part::rules,
};
inline constexpr std::size_t kPartCount = kParts.size();
/// "segments": as in the document.
[[nodiscard]] const char* name(Part part) noexcept;
/// Which entry of a document.
struct EntryKey {
  Part part{};
  std::string name;  // Entry::name
  friend auto operator<=>(const EntryKey&, const EntryKey&) = default;
};

/// Sections that only the host has.
[[nodiscard]] bool is_hosts(Part part) noexcept;

struct Entry {
  std::string name;    // within its section: "blue", "acme/cap", "blue 192.0.2.2", "c1/eth0"
  std::string tenant;  // whose it is; empty: the host's
  Json json;
  std::size_t index{};  // in its section, as written
};

/// Entry::name of a canonical entry.
[[nodiscard]] std::string name_of(Part part, const Json& json);
/// Precondition: the field is there, and a string.
[[nodiscard]] std::string text(const Json& json, const char* key);
/// A remote's entry as parameters of remote.add, which may name only so many static endpoints at once.
[[nodiscard]] std::vector<Json> requests_for(const Json& remote);
/// Adds a canonical entry to its section's list as requests may say it.
void append_entry(Part part, const Json& entry, Json& list);
/// `json` with `key` in front.
[[nodiscard]] Json named(const char* key, const std::string& name, const Json& json);

/// `failure` of the entry with this index, in the document's terms.
[[nodiscard]] Failure failure_of(Part part, std::size_t index, Failure failure);

}  // namespace weft::control
