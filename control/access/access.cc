#include "control/access/access.h"

#include <algorithm>
#include <array>

#include <unistd.h>

namespace weft::control {
namespace {

constexpr std::array kNames{"none", "tenant", "observer", "operator"};

bool is_about(const AccessConfig& entry, const Peer& peer) {
  if (entry.uid.has_value()) return *entry.uid == peer.uid;
  return std::ranges::count(peer.groups, *entry.gid) > 0;
}

}  // namespace

const char* name(Role role) noexcept {
  return kNames[static_cast<std::size_t>(role)];
}

std::optional<Role> parse_role(std::string_view text) noexcept {
  const auto found = std::ranges::find(kNames.begin() + 1, kNames.end(), text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Role>(found - kNames.begin());
}

Grant grant_of(const AccessList& access, const Peer& peer) {
  if (peer.is_daemon || peer.uid == 0 || peer.uid == ::geteuid()) return {Role::admin, {}};
  Grant grant;
  if (peer.uid == Peer::kNobody) return grant;
  for (const auto& [name, entry] : access) {
    if (!is_about(entry, peer)) continue;
    grant.role = std::max(grant.role, entry.role);
    grant.tenants.insert(entry.tenants.begin(), entry.tenants.end());
  }
  return grant;
}

}  // namespace weft::control
