#include "classifier/owner_accounts.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace weft::classifier {
namespace {

std::size_t index(FlowClass flow_class) noexcept {
  return static_cast<std::size_t>(flow_class);
}

// Rings of nodes with `previous` and `next` in an array; `first` is the front's index + 1, 0 when
// empty.

template <typename Nodes>
void push_back(Nodes& nodes, std::uint32_t& first, std::uint32_t node) noexcept {
  if (first == 0) {
    nodes[node].previous = nodes[node].next = node;
    first = node + 1U;
    return;
  }
  const std::uint32_t front = first - 1U;
  const std::uint32_t back = nodes[front].previous;
  nodes[node].previous = back;
  nodes[node].next = front;
  nodes[back].next = node;
  nodes[front].previous = node;
}

template <typename Nodes>
void take_out(Nodes& nodes, std::uint32_t& first, std::uint32_t node) noexcept {
  const std::uint32_t previous = nodes[node].previous;
  const std::uint32_t next = nodes[node].next;
  nodes[previous].next = next;
  nodes[next].previous = previous;
  if (first == node + 1U) first = next == node ? 0U : next + 1U;
}

}  // namespace

Result<OwnerAccounts> OwnerAccounts::create(
    std::uint32_t max_owners, std::uint32_t slots, std::uint32_t max_entries
) {
  auto owners = MappedArray<Owner>::create(max_owners, "flow table owners");
  if (!owners) return owners.error();
  auto links = MappedArray<Link>::create(slots, "flow table links");
  if (!links) return links.error();
  auto ranks =
      MappedArray<std::uint32_t>::create(std::size_t{max_entries} + 1, "flow table ranking");
  if (!ranks) return ranks.error();
  OwnerAccounts accounts;
  accounts.owners_ = std::move(*owners);
  accounts.links_ = std::move(*links);
  accounts.ranks_ = std::move(*ranks);
  return accounts;
}

void OwnerAccounts::add(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept {
  leave_rank(owner.value());
  ++owners_[owner.value()].count;
  enter_rank(owner.value());
  link(owner, flow_class, slot);
}

void OwnerAccounts::remove(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept {
  unlink(owner, flow_class, slot);
  leave_rank(owner.value());
  --owners_[owner.value()].count;
  enter_rank(owner.value());
}

void OwnerAccounts::move(
    EndpointIndex owner, FlowClass from, FlowClass to, FlowSlot slot
) noexcept {
  unlink(owner, from, slot);
  link(owner, to, slot);
}

FlowSlot OwnerAccounts::front(EndpointIndex owner, FlowClass flow_class) const noexcept {
  const std::uint32_t first = owners_[owner.value()].first[index(flow_class)];
  return first == 0 ? kNoSlot : FlowSlot{first - 1U};
}

void OwnerAccounts::pass_over_front(EndpointIndex owner, FlowClass flow_class) noexcept {
  std::uint32_t& first = owners_[owner.value()].first[index(flow_class)];
  first = links_[first - 1U].next + 1U;  // a ring: what was first is the last now
}

bool OwnerAccounts::take_credit(
    EndpointIndex owner, const OwnerLimits& limits, CoarseTime now
) noexcept {
  if (limits.new_per_second == 0) return true;
  Owner& account = owners_[owner.value()];
  const std::uint64_t burst = limits.new_burst != 0 ? limits.new_burst : limits.new_per_second;
  const std::uint64_t full = burst * kTicksPerSecond;
  if (!account.has_credit) {
    account.has_credit = true;
    account.credit = full;
    account.credited = now;
  }
  const std::uint32_t elapsed = now.value() - account.credited.value();
  account.credited = now;
  account.credit = std::min(full, account.credit + std::uint64_t{elapsed} * limits.new_per_second);
  if (account.credit < kTicksPerSecond) return false;
  account.credit -= kTicksPerSecond;
  return true;
}

void OwnerAccounts::link(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept {
  Owner& account = owners_[owner.value()];
  if (flow_class == FlowClass::closing) ++account.closing_count;
  push_back(links_, account.first[index(flow_class)], slot.value());
}

void OwnerAccounts::unlink(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept {
  Owner& account = owners_[owner.value()];
  if (flow_class == FlowClass::closing) --account.closing_count;
  take_out(links_, account.first[index(flow_class)], slot.value());
}

// Owners without entries are in no ring: there may be a million of them.

void OwnerAccounts::enter_rank(std::uint32_t owner) noexcept {
  const std::uint32_t count = owners_[owner].count;
  if (count != 0) push_back(owners_, ranks_[count], owner);
  highest_ = std::max(highest_, count);
}

void OwnerAccounts::leave_rank(std::uint32_t owner) noexcept {
  const std::uint32_t count = owners_[owner].count;
  if (count == 0) return;
  take_out(owners_, ranks_[count], owner);
  // Its number changes by one: it is the highest again, or exactly one lower is.
  if (count == highest_ && ranks_[count] == 0) --highest_;
}

}  // namespace weft::classifier
