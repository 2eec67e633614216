// Access: who may ask for what, by what the kernel says of the one who asks.
//
// The section "access" of the document lists users and groups with their roles; root and the user that weftd runs as are
// operators whatever it says, and whoever is not listed may ask for `version`, `whoami` and `watch` only. What each role may ask for
// is in permission.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "control/peer.h"

namespace weft::control {

/// Each one may do what those before it may, but for the tenants: an observer sees all of them.
enum class Role : std::uint8_t {
  none,
  tenant,    // reads and changes what belongs to its tenants
  observer,  // reads everything
  admin,     // everything; "operator" in the protocol
};

/// "observer", "tenant", "operator"; Role::none: "none".
[[nodiscard]] const char* name(Role role) noexcept;
/// Not "none".
[[nodiscard]] std::optional<Role> parse_role(std::string_view text) noexcept;

/// `access.add`: exactly one of `uid` and `gid`.
struct AccessConfig {
  std::string name;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;  // primary or supplementary
  Role role{};
  std::set<std::string> tenants;  // Role::tenant: at least one; they need not exist yet
  friend bool operator==(const AccessConfig&, const AccessConfig&) = default;
};

using AccessList = std::map<std::string, AccessConfig>;  // by name

/// What a peer may do: the union of all entries that it matches.
struct Grant {
  Role role{};
  std::set<std::string> tenants;  // of which it is an agent

  [[nodiscard]] bool is_operator() const noexcept { return role == Role::admin; }
  [[nodiscard]] bool reads_everything() const noexcept { return role >= Role::observer; }
  /// Whether it may change what belongs to the tenant.
  [[nodiscard]] bool speaks_for(const std::string& tenant) const {
    return is_operator() || tenants.contains(tenant);
  }
  [[nodiscard]] bool sees(const std::string& tenant) const {
    return reads_everything() || tenants.contains(tenant);
  }
};

[[nodiscard]] Grant grant_of(const AccessList& access, const Peer& peer);

}  // namespace weft::control
