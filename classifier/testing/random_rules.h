// Random match-action rules and random frames from one small world, so that rules often match.
//
// Used by the tests that compare two judges: tuple space with a list, software with hardware.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

#include "classifier/match_rule.h"
#include "dataplane/net/testing/frames.h"

namespace weft::rule_test {

using namespace classifier;  // NOLINT: its vocabulary is what is made here

class RuleWorld {
 public:
  explicit RuleWorld(std::uint64_t seed) : random_{seed} {}

  /// 0 ... bound - 1.
  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }
  [[nodiscard]] bool one_in(std::size_t count) { return below(count) == 0; }

  /// A frame that parse_frame takes.
  [[nodiscard]] wire_test::Octets frame() {
    wire_test::Octets octets;
    if (one_in(12)) {
      octets = wire_test::ethernet(kEtherTypeArp, wire_test::arp(1));
    } else {
      const bool is_v4 = one_in(2);
      octets = is_v4 ? tagged(kEtherTypeIpv4, ipv4()) : tagged(kEtherTypeIpv6, ipv6());
    }
    octets[5] = small();
    octets[11] = small();
    return octets;
  }

  /// A rule that passes check() once the caller has given it actions.
  [[nodiscard]] MatchRule rule() {
    for (;;) {
      MatchRule rule = any_rule();
      rule.actions = {{MatchActionKind::drop, 0}};
      if (!check(rule)) continue;
      rule.actions.clear();
      return rule;
    }
  }

 private:
  MatchRule any_rule() {
    MatchRule rule;
    rule.priority = static_cast<std::uint32_t>(below(12));
    const bool is_v4 = one_in(2);
    // The stack from eth to a tunnel, and of it a run of layers.
    const std::size_t first = one_in(4) ? below(3) : 0;
    const std::size_t top = first + below(5 - first);
    if (first == 0) rule.pattern.push_back(item(MatchItem::eth));
    if (first <= 1 && top >= 1) {
      const std::size_t tags = first == 1 ? 1 + below(2) : (one_in(4) ? 1 + below(2) : 0);
      for (std::size_t i = 0; i < tags; ++i) rule.pattern.push_back(item(MatchItem::vlan));
    }
    if (top >= 2) rule.pattern.push_back(item(is_v4 ? MatchItem::ipv4 : MatchItem::ipv6));
    if (top >= 3) add_transport(rule.pattern, is_v4, top >= 4);
    if (rule.pattern.empty()) rule.pattern.push_back(item(MatchItem::eth));
    return rule;
  }

  std::uint8_t small() { return static_cast<std::uint8_t>(1 + below(3)); }
  std::uint16_t port() {
    constexpr std::array<std::uint16_t, 6> kPorts{53, 80, 5000, 5003, 5004, kVxlanPort};
    return kPorts[below(kPorts.size())];
  }
  std::uint8_t tos() {
    constexpr std::array<std::uint8_t, 4> kTos{0, 0x28, 0x2A, 0xB8};
    return kTos[below(kTos.size())];
  }

  wire_test::Octets tagged(std::uint16_t ether_type, wire_test::Octets packet) {
    for (std::size_t tags = one_in(3) ? 1 + below(2) : 0; tags > 0; --tags) {
      const auto tci = static_cast<std::uint16_t>(below(3) << 13U | (1 + below(3)));
      packet = wire_test::tag(tci, ether_type, packet);
      ether_type = kEtherTypeVlan;
    }
    return wire_test::ethernet(ether_type, packet);
  }

  wire_test::Octets ipv4() {
    const bool is_later_fragment = one_in(8);
    const auto [protocol, payload] = transport(true);
    const std::uint16_t fragment = is_later_fragment ? 0x0010 : one_in(8) ? 0x2000 : 0x4000;
    wire_test::Octets packet = wire_test::ipv4(protocol, payload, fragment);
    packet[1] = tos();
    packet[8] = one_in(2) ? 64 : 1;
    packet[15] = small();
    packet[19] = small();
    return packet;
  }

  wire_test::Octets ipv6() {
    auto [protocol, payload] = transport(false);
    if (one_in(6)) {
      payload = wire_test::extension(protocol, 0, payload);
      protocol = kIpProtoDestOptions;
    }
    wire_test::Octets packet = wire_test::ipv6(protocol, payload);
    const std::uint8_t traffic_class = tos();
    packet[0] = static_cast<std::uint8_t>(0x60U | traffic_class >> 4U);
    packet[1] = static_cast<std::uint8_t>(static_cast<unsigned>(traffic_class) << 4U | below(3));
    packet[7] = one_in(2) ? 64 : 1;
    packet[23] = small();
    packet[39] = small();
    return packet;
  }

  std::pair<std::uint8_t, wire_test::Octets> transport(bool is_v4) {
    using namespace wire_test;
    switch (below(4)) {
      case 0: {
        Octets segment = tcp(text("data"), {}, port(), port());
        segment[13] = one_in(2) ? TcpHeader::kSyn : TcpHeader::kAck;
        return {kIpProtoTcp, segment};
      }
      case 1: {
        const Octets vxlan = Octets{0x08, 0, 0, 0, 0, 0, small(), 0} + counting(20);
        return {kIpProtoUdp, udp(one_in(4) ? text("short") : vxlan, port(), port())};
      }
      case 2:
        return {
            is_v4 ? kIpProtoIcmp : kIpProtoIcmpv6,
            icmp(one_in(2) ? 8 : 128, static_cast<std::uint8_t>(below(2)), 7)};
      default:
        return {
            kIpProtoGre,
            word16(one_in(4) ? 0U : 0x2000U) + word16(kEtherTypeTeb) + Octets{0, 0, small(), 9} +
                counting(20)};
    }
  }

  void add_transport(MatchPattern& pattern, bool is_v4, bool has_tunnel) {
    if (has_tunnel && one_in(2)) {
      pattern.push_back(item(MatchItem::nvgre));
      return;
    }
    if (has_tunnel) {
      pattern.push_back(item(MatchItem::udp));
      pattern.push_back(item(MatchItem::vxlan));
      return;
    }
    constexpr std::array kAny{MatchItem::tcp, MatchItem::udp};
    const std::size_t choice = below(3);
    pattern.push_back(item(choice < 2 ? kAny[choice] : (is_v4 ? MatchItem::icmp : MatchItem::icmp6))
    );
  }

  ItemMatch item(MatchItem kind) {
    ItemMatch item{kind, {}};
    for (const MatchFieldInfo& row : kMatchFields) {
      // The whole tag or its parts, not both.
      if (row.item != kind || row.field == MatchField::vlan_tci || !one_in(4)) continue;
      item.fields.push_back(field(row));
    }
    return item;
  }

  FieldMatch field(const MatchFieldInfo& row) {
    FieldMatch match{row.field, value(row), FieldValue::ones(row.bits), {}};
    if (row.may_have_range && one_in(3)) {
      const std::uint64_t end = match.spec.number() + below(5);
      if (end < std::uint64_t{1} << row.bits) match.last = FieldValue::of(end);
    } else if (one_in(4)) {
      match.mask = FieldValue::prefix(row.bits, below(row.bits + 1U));
    } else if (one_in(8)) {
      match.mask = FieldValue::of(random_()) & FieldValue::ones(row.bits);
    }
    return match;
  }

  FieldValue value(const MatchFieldInfo& row) {
    FieldValue value = FieldValue::of(small());
    if (row.form == FieldForm::mac) {
      value = FieldValue::of(0x020000000000U + small());
    } else if (row.form == FieldForm::ipv4) {
      value = FieldValue::of(0xC0000200U + small());  // as kSourceV4 and kDestinationV4
    } else if (row.form == FieldForm::ipv6) {
      std::ranges::copy(wire_test::kSourceV6, value.octets.begin());
      value.octets[15] = small();
    } else if (row.bits == 1) {
      value = FieldValue::of(below(2));
    } else if (row.name == "pcp") {
      value = FieldValue::of(below(3));
    } else if (row.name == "type" && row.bits == 16) {
      value = FieldValue::of(one_in(2) ? kEtherTypeVlan : kEtherTypeIpv4);
    } else if (row.name == "inner_type") {
      value = FieldValue::of(one_in(2) ? kEtherTypeIpv6 : kEtherTypeIpv4);
    } else if (row.name == "tos" || row.name == "tc") {
      value = FieldValue::of(tos());
    } else if (row.name == "ttl" || row.name == "hop") {
      value = FieldValue::of(one_in(2) ? 64 : 1);
    } else if (row.name == "proto") {
      value = FieldValue::of(one_in(2) ? kIpProtoTcp : kIpProtoUdp);
    } else if (row.name == "flow") {
      value = FieldValue::of(0x2345U | below(3) << 16U);
    } else if (row.name == "flags") {
      value = FieldValue::of(one_in(2) ? TcpHeader::kSyn : TcpHeader::kAck);
    } else if (row.name == "type") {
      value = FieldValue::of(one_in(2) ? 8 : 128);
    } else if (row.name == "code") {
      value = FieldValue::of(below(2));
    } else if (row.bits == 16) {
      value = FieldValue::of(port());
    }
    return value;
  }

  std::mt19937_64 random_;
};

}  // namespace weft::rule_test
