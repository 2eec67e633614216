#include "pmd-config/flow_translate.h"

#include <algorithm>
#include <cassert>

#include "dataplane/base/bytes.h"

namespace weft {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what this file translates

rte_flow_item_type type_of(MatchItem item) noexcept {
  switch (item) {
    case MatchItem::eth:
      return RTE_FLOW_ITEM_TYPE_ETH;
    case MatchItem::vlan:
      return RTE_FLOW_ITEM_TYPE_VLAN;
    case MatchItem::ipv4:
      return RTE_FLOW_ITEM_TYPE_IPV4;
    case MatchItem::ipv6:
      return RTE_FLOW_ITEM_TYPE_IPV6;
    case MatchItem::tcp:
      return RTE_FLOW_ITEM_TYPE_TCP;
    case MatchItem::udp:
      return RTE_FLOW_ITEM_TYPE_UDP;
    case MatchItem::icmp:
      return RTE_FLOW_ITEM_TYPE_ICMP;
    case MatchItem::icmp6:
      return RTE_FLOW_ITEM_TYPE_ICMP6;
    case MatchItem::vxlan:
      return RTE_FLOW_ITEM_TYPE_VXLAN;
    case MatchItem::nvgre:
      return RTE_FLOW_ITEM_TYPE_NVGRE;
  }
  return RTE_FLOW_ITEM_TYPE_END;
}

/// A host number as DPDK's big-endian integers hold it.
rte_be16_t be16(std::uint64_t value) noexcept {
  return Be16{static_cast<std::uint16_t>(value)}.raw();
}
rte_be32_t be32(std::uint64_t value) noexcept {
  return Be32{static_cast<std::uint32_t>(value)}.raw();
}
std::uint8_t u8(std::uint64_t value) noexcept {
  return static_cast<std::uint8_t>(value);
}

/// The last octets of a value, as many as the destination has.
template <typename Octets>
void copy_tail(const FieldValue& value, Octets& to) noexcept {
  std::copy(value.octets.end() - static_cast<std::ptrdiff_t>(sizeof to), value.octets.end(), to);
}

}  // namespace

void FlowItems::put(Header& header, MatchField field, const FieldValue& value) noexcept {
  const std::uint64_t number = value.number();
  switch (field) {
    case MatchField::eth_dst:
      return copy_tail(value, header.eth.hdr.dst_addr.addr_bytes);
    case MatchField::eth_src:
      return copy_tail(value, header.eth.hdr.src_addr.addr_bytes);
    case MatchField::eth_type:
      header.eth.hdr.ether_type = be16(number);
      return;
    case MatchField::eth_has_vlan:
      header.eth.has_vlan = number & 1U;
      return;
    // The parts of one word: PCP(3) DEI(1) VID(12).
    case MatchField::vlan_tci:
    case MatchField::vlan_vid:
      header.vlan.hdr.vlan_tci |= be16(number);
      return;
    case MatchField::vlan_pcp:
      header.vlan.hdr.vlan_tci |= be16(number << 13U);
      return;
    case MatchField::vlan_dei:
      header.vlan.hdr.vlan_tci |= be16(number << 12U);
      return;
    case MatchField::vlan_inner_type:
      header.vlan.hdr.eth_proto = be16(number);
      return;
    case MatchField::ipv4_tos:
      header.ipv4.hdr.type_of_service = u8(number);
      return;
    case MatchField::ipv4_ttl:
      header.ipv4.hdr.time_to_live = u8(number);
      return;
    case MatchField::ipv4_proto:
      header.ipv4.hdr.next_proto_id = u8(number);
      return;
    case MatchField::ipv4_src:
      header.ipv4.hdr.src_addr = be32(number);
      return;
    case MatchField::ipv4_dst:
      header.ipv4.hdr.dst_addr = be32(number);
      return;
    // version(4), traffic class(8), flow label(20)
    case MatchField::ipv6_tc:
      header.ipv6.hdr.vtc_flow |= be32(number << 20U);
      return;
    case MatchField::ipv6_flow:
      header.ipv6.hdr.vtc_flow |= be32(number);
      return;
    case MatchField::ipv6_proto:
      header.ipv6.hdr.proto = u8(number);
      return;
    case MatchField::ipv6_hop:
      header.ipv6.hdr.hop_limits = u8(number);
      return;
    case MatchField::ipv6_src:
      return copy_tail(value, header.ipv6.hdr.src_addr);
    case MatchField::ipv6_dst:
      return copy_tail(value, header.ipv6.hdr.dst_addr);
    case MatchField::tcp_src:
      header.tcp.hdr.src_port = be16(number);
      return;
    case MatchField::tcp_dst:
      header.tcp.hdr.dst_port = be16(number);
      return;
    case MatchField::tcp_flags:
      header.tcp.hdr.tcp_flags = u8(number);
      return;
    case MatchField::udp_src:
      header.udp.hdr.src_port = be16(number);
      return;
    case MatchField::udp_dst:
      header.udp.hdr.dst_port = be16(number);
      return;
    case MatchField::icmp_type:
      header.icmp.hdr.icmp_type = u8(number);
      return;
    case MatchField::icmp_code:
      header.icmp.hdr.icmp_code = u8(number);
      return;
    case MatchField::icmp6_type:
      header.icmp6.type = u8(number);
      return;
    case MatchField::icmp6_code:
      header.icmp6.code = u8(number);
      return;
    case MatchField::vxlan_vni:
      return copy_tail(value, header.vxlan.vni);
    case MatchField::nvgre_tni:
      return copy_tail(value, header.nvgre.tni);
  }
}

FlowItems::FlowItems(const MatchPattern& pattern) noexcept {
  assert(pattern.size() < kMostItems);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    items_[i].type = type_of(pattern[i].item);
    if (pattern[i].fields.empty()) continue;
    specs_[i].octets.fill(0);
    masks_[i].octets.fill(0);
    for (const FieldMatch& field : pattern[i].fields) {
      assert(!field.last.has_value());
      put(specs_[i], field.field, field.spec & field.mask);
      put(masks_[i], field.field, field.mask);
    }
    items_[i].spec = &specs_[i];
    items_[i].mask = &masks_[i];
  }
  items_[pattern.size()].type = RTE_FLOW_ITEM_TYPE_END;
}

FlowActions::FlowActions(const MatchRule& rule) noexcept {
  assert(software_only_because(rule).empty());
  std::size_t count = 0;
  const auto add = [&](rte_flow_action_type type, const void* conf) {
    actions_[count].type = type;
    actions_[count].conf = conf;
    ++count;
  };
  for (const MatchAction& action : rule.actions) {
    switch (action.kind) {
      case MatchActionKind::drop:
        add(RTE_FLOW_ACTION_TYPE_DROP, nullptr);
        break;
      case MatchActionKind::queue:
        queue_.index = static_cast<std::uint16_t>(action.value);
        add(RTE_FLOW_ACTION_TYPE_QUEUE, &queue_);
        break;
      case MatchActionKind::mark:
        mark_.id = action.value;
        add(RTE_FLOW_ACTION_TYPE_MARK, &mark_);
        break;
      case MatchActionKind::count:
        add(RTE_FLOW_ACTION_TYPE_COUNT, &count_);
        break;
      case MatchActionKind::port_id:
      case MatchActionKind::meter:
      case MatchActionKind::set_ipv4_dscp:
      case MatchActionKind::set_ipv6_dscp:
        break;  // excluded by the precondition
    }
  }
  actions_[count].type = RTE_FLOW_ACTION_TYPE_END;
}

std::string software_only_because(const MatchRule& rule) {
  bool has_fate = false;
  for (const MatchAction& action : rule.actions) {
    const std::string name{info(action.kind).name};
    switch (action.kind) {
      case MatchActionKind::drop:
      case MatchActionKind::queue:
        has_fate = true;
        break;
      case MatchActionKind::port_id:
      case MatchActionKind::meter:
        return "action " + name + " names an object of Weft, not of the device";
      case MatchActionKind::set_ipv4_dscp:
      case MatchActionKind::set_ipv6_dscp:
        // The software's look-up, which follows, would see the new value.
        return "action " + name + " changes what later rules are matched on";
      case MatchActionKind::mark:
      case MatchActionKind::count:
        break;
    }
  }
  // rte_flow leaves open what becomes of a frame without a fate; here it goes on as usual.
  return has_fate ? "" : "it has no action drop or queue, and devices need one of them";
}

std::string misread_by(std::string_view driver, const MatchPattern& pattern) {
  if (driver != "net_tap") return "";
  // Seen with DPDK 22.11 on Linux 6.1 (tests/qemu): a type or protocol of zero is left out of the
  // kernel's filter, and a fragment has ports of zero there.
  constexpr std::array kNotZero{
      MatchField::eth_type,
      MatchField::ipv4_proto,
      MatchField::tcp_src,
      MatchField::tcp_dst,
      MatchField::udp_src,
      MatchField::udp_dst};
  for (const ItemMatch& item : pattern) {
    for (const FieldMatch& field : item.fields) {
      // The kernel knows only the protocol behind them.
      if (field.field == MatchField::ipv6_proto) {
        return "net_tap looks for the proto behind IPv6 extension headers";
      }
      const bool is_zero = (field.spec & field.mask) == FieldValue{};
      if (is_zero && std::ranges::find(kNotZero, field.field) != kNotZero.end()) {
        return "net_tap matches more than a " + std::string{info(field.field).name} + " of zero";
      }
    }
  }
  return "";
}

}  // namespace weft
