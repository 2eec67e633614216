// Match-action rules in rte_flow's structures.
//
// Pure: what a rule says, as a device is asked. Whether the device takes it is FlowOffload's affair.
//
//   FlowItems items{pattern};
//   FlowActions actions{rule};
//   rte_flow_create(port, &attributes, items.data(), actions.data(), &error);
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <rte_flow.h>

#include "classifier/match_rule.h"

namespace weft {

/// A pattern without ranges as rte_flow items, each with the mask of exactly the fields that are
/// named; items without fields have neither spec nor mask.
class FlowItems {
 public:
  /// Precondition: the pattern passed check() and has no ranges.
  explicit FlowItems(const classifier::MatchPattern& pattern) noexcept;
  FlowItems(const FlowItems&) = delete;
  FlowItems& operator=(const FlowItems&) = delete;

  /// Ends in RTE_FLOW_ITEM_TYPE_END. Lives as long as this.
  [[nodiscard]] const rte_flow_item* data() const noexcept { return items_.data(); }

 private:
  /// eth, two vlan, one of each layer above, end.
  static constexpr std::size_t kMostItems = 7;
  union Header {
    rte_flow_item_eth eth;
    rte_flow_item_vlan vlan;
    rte_flow_item_ipv4 ipv4;
    rte_flow_item_ipv6 ipv6;
    rte_flow_item_tcp tcp;
    rte_flow_item_udp udp;
    rte_flow_item_icmp icmp;
    rte_flow_item_icmp6 icmp6;
    rte_flow_item_vxlan vxlan;
    rte_flow_item_nvgre nvgre;
    std::array<std::uint8_t, 64> octets;
  };
  static void put(
      Header& header, classifier::MatchField field, const classifier::FieldValue& value
  ) noexcept;

  std::array<rte_flow_item, kMostItems> items_{};
  std::array<Header, kMostItems> specs_;
  std::array<Header, kMostItems> masks_;
};

/// A rule's actions as rte_flow actions. Precondition: software_only_because(rule) is empty.
class FlowActions {
 public:
  explicit FlowActions(const classifier::MatchRule& rule) noexcept;
  FlowActions(const FlowActions&) = delete;
  FlowActions& operator=(const FlowActions&) = delete;

  /// Ends in RTE_FLOW_ACTION_TYPE_END. Lives as long as this.
  [[nodiscard]] const rte_flow_action* data() const noexcept { return actions_.data(); }

 private:
  std::array<rte_flow_action, 4> actions_{};  // mark, count, drop or queue, end
  rte_flow_action_mark mark_{};
  rte_flow_action_count count_{};
  rte_flow_action_queue queue_{};
};

/// Why a rule is for software whatever the device can do; empty when it may be offloaded.
[[nodiscard]] std::string software_only_because(const classifier::MatchRule& rule);

/// Why a driver ("net_tap") would match more than the pattern says; empty when it is not known to.
[[nodiscard]] std::string misread_by(
    std::string_view driver, const classifier::MatchPattern& pattern
);

}  // namespace weft
