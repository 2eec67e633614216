// The words of match-action rules: items, their fields, and actions, a row each.
//
// These tables are the only list of them. The CLI reads the grammar from here, control the JSON, the
// software classifier and rte_flow translation the values. Names are testpmd's. The file lies among the
// words, though its vocabulary is the classifier's, because the CLI may include nothing above them.
//
// To add a field: an enumerator, a row, a line in place_of (rule_key.cc) and one in FlowOffload's
// translation; the switches have no default, so the compiler names both places.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weft::classifier {

enum class MatchItem : std::uint8_t { eth, vlan, ipv4, ipv6, tcp, udp, icmp, icmp6, vxlan, nvgre };

/// How far up the stack an item is: a pattern's items climb one layer at a time, except that a second
/// vlan may follow the first and that vlan may be left out.
enum class MatchLayer : std::uint8_t { ethernet, vlan, network, transport, tunnel };

struct MatchItemInfo {
  MatchItem item;
  std::string_view name;
  MatchLayer layer;
};

inline constexpr std::array kMatchItems{
    MatchItemInfo{MatchItem::eth, "eth", MatchLayer::ethernet},
    MatchItemInfo{MatchItem::vlan, "vlan", MatchLayer::vlan},
    MatchItemInfo{MatchItem::ipv4, "ipv4", MatchLayer::network},
    MatchItemInfo{MatchItem::ipv6, "ipv6", MatchLayer::network},
    MatchItemInfo{MatchItem::tcp, "tcp", MatchLayer::transport},
    MatchItemInfo{MatchItem::udp, "udp", MatchLayer::transport},
    MatchItemInfo{MatchItem::icmp, "icmp", MatchLayer::transport},
    MatchItemInfo{MatchItem::icmp6, "icmp6", MatchLayer::transport},
    MatchItemInfo{MatchItem::vxlan, "vxlan", MatchLayer::tunnel},
    MatchItemInfo{MatchItem::nvgre, "nvgre", MatchLayer::tunnel},
};

enum class MatchField : std::uint8_t {
  eth_dst,
  eth_src,
  eth_type,
  eth_has_vlan,
  vlan_tci,
  vlan_pcp,
  vlan_dei,
  vlan_vid,
  vlan_inner_type,
  ipv4_tos,
  ipv4_ttl,
  ipv4_proto,
  ipv4_src,
  ipv4_dst,
  ipv6_tc,
  ipv6_flow,
  ipv6_proto,
  ipv6_hop,
  ipv6_src,
  ipv6_dst,
  tcp_src,
  tcp_dst,
  tcp_flags,
  udp_src,
  udp_dst,
  icmp_type,
  icmp_code,
  icmp6_type,
  icmp6_code,
  vxlan_vni,
  nvgre_tni,
};

/// How a value is written.
enum class FieldForm : std::uint8_t { number, mac, ipv4, ipv6 };

struct MatchFieldInfo {
  MatchField field;
  MatchItem item;
  std::string_view name;
  FieldForm form;
  std::uint8_t bits;    // width
  bool may_have_range;  // `last` is taken: small fields only, because a range becomes prefixes
};

inline constexpr std::array kMatchFields{
    MatchFieldInfo{MatchField::eth_dst, MatchItem::eth, "dst", FieldForm::mac, 48, false},
    MatchFieldInfo{MatchField::eth_src, MatchItem::eth, "src", FieldForm::mac, 48, false},
    MatchFieldInfo{MatchField::eth_type, MatchItem::eth, "type", FieldForm::number, 16, false},
    MatchFieldInfo{
        MatchField::eth_has_vlan, MatchItem::eth, "has_vlan", FieldForm::number, 1, false},
    MatchFieldInfo{MatchField::vlan_tci, MatchItem::vlan, "tci", FieldForm::number, 16, false},
    MatchFieldInfo{MatchField::vlan_pcp, MatchItem::vlan, "pcp", FieldForm::number, 3, true},
    MatchFieldInfo{MatchField::vlan_dei, MatchItem::vlan, "dei", FieldForm::number, 1, false},
    MatchFieldInfo{MatchField::vlan_vid, MatchItem::vlan, "vid", FieldForm::number, 12, true},
    MatchFieldInfo{
        MatchField::vlan_inner_type, MatchItem::vlan, "inner_type", FieldForm::number, 16, false},
    MatchFieldInfo{MatchField::ipv4_tos, MatchItem::ipv4, "tos", FieldForm::number, 8, true},
    MatchFieldInfo{MatchField::ipv4_ttl, MatchItem::ipv4, "ttl", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::ipv4_proto, MatchItem::ipv4, "proto", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::ipv4_src, MatchItem::ipv4, "src", FieldForm::ipv4, 32, false},
    MatchFieldInfo{MatchField::ipv4_dst, MatchItem::ipv4, "dst", FieldForm::ipv4, 32, false},
    MatchFieldInfo{MatchField::ipv6_tc, MatchItem::ipv6, "tc", FieldForm::number, 8, true},
    MatchFieldInfo{MatchField::ipv6_flow, MatchItem::ipv6, "flow", FieldForm::number, 20, false},
    MatchFieldInfo{MatchField::ipv6_proto, MatchItem::ipv6, "proto", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::ipv6_hop, MatchItem::ipv6, "hop", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::ipv6_src, MatchItem::ipv6, "src", FieldForm::ipv6, 128, false},
    MatchFieldInfo{MatchField::ipv6_dst, MatchItem::ipv6, "dst", FieldForm::ipv6, 128, false},
    MatchFieldInfo{MatchField::tcp_src, MatchItem::tcp, "src", FieldForm::number, 16, true},
    MatchFieldInfo{MatchField::tcp_dst, MatchItem::tcp, "dst", FieldForm::number, 16, true},
    MatchFieldInfo{MatchField::tcp_flags, MatchItem::tcp, "flags", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::udp_src, MatchItem::udp, "src", FieldForm::number, 16, true},
    MatchFieldInfo{MatchField::udp_dst, MatchItem::udp, "dst", FieldForm::number, 16, true},
    MatchFieldInfo{MatchField::icmp_type, MatchItem::icmp, "type", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::icmp_code, MatchItem::icmp, "code", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::icmp6_type, MatchItem::icmp6, "type", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::icmp6_code, MatchItem::icmp6, "code", FieldForm::number, 8, false},
    MatchFieldInfo{MatchField::vxlan_vni, MatchItem::vxlan, "vni", FieldForm::number, 24, false},
    MatchFieldInfo{MatchField::nvgre_tni, MatchItem::nvgre, "tni", FieldForm::number, 24, false},
};

enum class MatchActionKind : std::uint8_t {
  drop,
  queue,
  port_id,
  mark,
  count,
  meter,
  set_ipv4_dscp,
  set_ipv6_dscp,
};

struct MatchActionInfo {
  MatchActionKind kind;
  std::string_view name;
  std::string_view parameter;  // empty: the action has none
  std::uint32_t limit;         // of the parameter
};

inline constexpr std::array kMatchActions{
    MatchActionInfo{MatchActionKind::drop, "drop", "", 0},
    MatchActionInfo{MatchActionKind::queue, "queue", "index", 1023},
    MatchActionInfo{MatchActionKind::port_id, "port_id", "id", 0xFFFFFF},
    MatchActionInfo{MatchActionKind::mark, "mark", "id", 0xFFFFFFFF},
    MatchActionInfo{MatchActionKind::count, "count", "", 0},
    MatchActionInfo{MatchActionKind::meter, "meter", "mtr_id", 0xFFFE},
    MatchActionInfo{MatchActionKind::set_ipv4_dscp, "set_ipv4_dscp", "dscp_value", 63},
    MatchActionInfo{MatchActionKind::set_ipv6_dscp, "set_ipv6_dscp", "dscp_value", 63},
};

// Rows are found by position: an enumerator's number is its row.
[[nodiscard]] constexpr const MatchItemInfo& info(MatchItem item) noexcept {
  return kMatchItems[static_cast<std::size_t>(item)];
}
[[nodiscard]] constexpr const MatchFieldInfo& info(MatchField field) noexcept {
  return kMatchFields[static_cast<std::size_t>(field)];
}
[[nodiscard]] constexpr const MatchActionInfo& info(MatchActionKind kind) noexcept {
  return kMatchActions[static_cast<std::size_t>(kind)];
}

/// The row with this name; nullptr when there is none.
[[nodiscard]] constexpr const MatchItemInfo* find_item(std::string_view name) noexcept {
  for (const MatchItemInfo& row : kMatchItems) {
    if (row.name == name) return &row;
  }
  return nullptr;
}
[[nodiscard]] constexpr const MatchFieldInfo* find_field(
    MatchItem item, std::string_view name
) noexcept {
  for (const MatchFieldInfo& row : kMatchFields) {
    if (row.item == item && row.name == name) return &row;
  }
  return nullptr;
}
[[nodiscard]] constexpr const MatchActionInfo* find_action(std::string_view name) noexcept {
  for (const MatchActionInfo& row : kMatchActions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

namespace detail {
template <typename Table, typename Key>
consteval bool is_in_order(const Table& table, Key key) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].*key) != i) return false;
  }
  return true;
}
}  // namespace detail
static_assert(detail::is_in_order(kMatchItems, &MatchItemInfo::item));
static_assert(detail::is_in_order(kMatchFields, &MatchFieldInfo::field));
static_assert(detail::is_in_order(kMatchActions, &MatchActionInfo::kind));

}  // namespace weft::classifier
