// Why a packet was lost. Every lost packet counts under exactly one reason.
//
// The numbers are stable: reasons are appended, never renumbered or reused, so that dashboards and
// scripts survive upgrades. Each reason has one row in kDropInfo: the name that appears in
// `show drops` and a sentence that tells an operator what it means and where to look. The row's
// position is asserted, so an enumerator without a row does not compile.
//
// Adding one: an enumerator, a row, and a negative test that asserts that it, and nothing else, moved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weft {

enum class DropReason : std::uint8_t {
  none = 0,
  // parse
  truncated_ethernet,
  truncated_vlan,
  truncated_ipv4,
  bad_ipv4_header,
  ipv4_length_mismatch,
  bad_ipv4_checksum,
  truncated_ipv6,
  bad_ipv6_header,
  ipv6_length_mismatch,
  truncated_l4,
  truncated_arp,
  headers_not_contiguous,
  // tunnel receive
  underlay_not_for_us,
  outer_fragment,
  bad_udp_checksum,
  bad_udp_length,
  truncated_vxlan,
  vxlan_flag_missing,
  truncated_gre,
  gre_not_nvgre,
  gre_flags_refused,
  reserved_vsid,
  inner_vlan_tag,
  unknown_vni,
  unknown_remote_vtep,
  ecn_congestion_lost,
  remote_claims_local_mac,
  // container ports
  spoofed_source_mac,
  spoofed_source_ipv4,
  spoofed_source_ipv6,
  spoofed_arp,
  spoofed_nd,
  multicast_source_mac,
  broadcast_budget,
  multicast_budget,
  unknown_unicast_budget,
  bad_offload_request,
  frame_too_large,
  // forwarding
  same_port,
  unknown_unicast,
  split_horizon,
  no_flood_target,
  reserved_multicast,
  inner_too_big,
  // encapsulation and transmit
  remote_unresolved,
  uplink_down,
  no_headroom,
  no_mbuf,
  tx_refused,
  port_gone,
  handoff_full,
  punt_budget,
  punt_full,
  forwarding_stopped,
  tunnel_flood_budget,
  // classification
  policy_denied_sender,
  policy_denied_receiver,
  fragment_without_first,
  tcp_state_invalid,
  connection_limit,
  connection_rate,
  flow_table_full,
  meter_red,
  queue_full,
  early_drop,
  rule_drop,
  count_,
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::count_);

struct DropInfo {
  DropReason reason;
  std::string_view name;
  std::string_view sentence;
};

inline constexpr std::array<DropInfo, kDropReasonCount> kDropInfo{{
    {DropReason::none, "none", "Not dropped."},
    {DropReason::truncated_ethernet,
     "truncated_ethernet",
     "The frame ends inside its Ethernet header."},
    {DropReason::truncated_vlan,
     "truncated_vlan",
     "The frame ends inside an 802.1Q or 802.1ad tag."},
    {DropReason::truncated_ipv4, "truncated_ipv4", "The frame ends inside its IPv4 header."},
    {DropReason::bad_ipv4_header,
     "bad_ipv4_header",
     "The IPv4 version is not 4 or the header length is below 20 octets."},
    {DropReason::ipv4_length_mismatch,
     "ipv4_length_mismatch",
     "The IPv4 total length is shorter than the header or longer than the frame."},
    {DropReason::bad_ipv4_checksum,
     "bad_ipv4_checksum",
     "The outer IPv4 header checksum is wrong: look for a faulty link or NIC."},
    {DropReason::truncated_ipv6,
     "truncated_ipv6",
     "The frame ends inside its IPv6 header or an extension header."},
    {DropReason::bad_ipv6_header,
     "bad_ipv6_header",
     "The IPv6 version is not 6, or there are more than 8 extension headers."},
    {DropReason::ipv6_length_mismatch,
     "ipv6_length_mismatch",
     "The IPv6 payload length is longer than the frame."},
    {DropReason::truncated_l4,
     "truncated_l4",
     "The packet, or the first fragment of one, ends inside its TCP, UDP or ICMP header."},
    {DropReason::truncated_arp,
     "truncated_arp",
     "An ARP packet is shorter than 28 octets or is not for IPv4 over Ethernet."},
    {DropReason::headers_not_contiguous,
     "headers_not_contiguous",
     "The headers are spread over several buffers: raise the receive buffer size of this device."},
    {DropReason::underlay_not_for_us,
     "underlay_not_for_us",
     "A frame on the uplink is addressed to another host or is not a protocol of the VTEP."},
    {DropReason::outer_fragment,
     "outer_fragment",
     "A tunnel packet arrived in fragments, which VTEPs do not reassemble (RFC 7348 s4.3): raise "
     "the "
     "underlay MTU."},
    {DropReason::bad_udp_checksum,
     "bad_udp_checksum",
     "The outer UDP checksum is not zero and wrong (RFC 7348 s5)."},
    {DropReason::bad_udp_length,
     "bad_udp_length",
     "The outer UDP length disagrees with the IP length."},
    {DropReason::truncated_vxlan, "truncated_vxlan", "The packet ends inside its VXLAN header."},
    {DropReason::vxlan_flag_missing,
     "vxlan_flag_missing",
     "The VXLAN I flag is not set, so there is no VNI (RFC 7348 s5)."},
    {DropReason::truncated_gre, "truncated_gre", "The packet ends inside its GRE header."},
    {DropReason::gre_not_nvgre,
     "gre_not_nvgre",
     "A GRE packet whose protocol is not 0x6558 or whose version is not 0 (RFC 7637 s3.2)."},
    {DropReason::gre_flags_refused,
     "gre_flags_refused",
     "A GRE packet without key, or with checksum or sequence number (RFC 7637 s3.2)."},
    {DropReason::reserved_vsid,
     "reserved_vsid",
     "The VSID is reserved: 0 to 0xFFF and 0xFFFFFF (RFC 7637 s3.4)."},
    {DropReason::inner_vlan_tag,
     "inner_vlan_tag",
     "The encapsulated frame carries an 802.1Q tag and the segment does not allow it (RFC 7348 "
     "s6.1, "
     "RFC 7637 s3.3)."},
    {DropReason::unknown_vni,
     "unknown_vni",
     "No segment here has this VNI or VSID with this encapsulation on this VTEP address."},
    {DropReason::unknown_remote_vtep,
     "unknown_remote_vtep",
     "The sending VTEP is not a remote of the segment: add it with `remote add`."},
    {DropReason::ecn_congestion_lost,
     "ecn_congestion_lost",
     "The outer header says congestion experienced but the inner packet is not ECN capable "
     "(RFC 6040 s4.2)."},
    {DropReason::remote_claims_local_mac,
     "remote_claims_local_mac",
     "A tunnel packet has the source MAC of an endpoint on this host: duplicate MAC or a loop."},
    {DropReason::spoofed_source_mac,
     "spoofed_source_mac",
     "A container sent a source MAC that is not its own."},
    {DropReason::spoofed_source_ipv4,
     "spoofed_source_ipv4",
     "A container sent an IPv4 source address that is not its own."},
    {DropReason::spoofed_source_ipv6,
     "spoofed_source_ipv6",
     "A container sent an IPv6 source address that is not its own."},
    {DropReason::spoofed_arp,
     "spoofed_arp",
     "A container sent ARP whose sender addresses are not its own."},
    {DropReason::spoofed_nd,
     "spoofed_nd",
     "A container sent neighbour discovery for addresses that are not its own, or acted as "
     "router."},
    {DropReason::multicast_source_mac,
     "multicast_source_mac",
     "The source MAC is a group address, which no station may use (IEEE 802.3)."},
    {DropReason::broadcast_budget,
     "broadcast_budget",
     "The port used up its budget of broadcast frames per second."},
    {DropReason::multicast_budget,
     "multicast_budget",
     "The port used up its budget of multicast frames per second."},
    {DropReason::unknown_unicast_budget,
     "unknown_unicast_budget",
     "The port used up its budget of frames per second to unknown unicast addresses."},
    {DropReason::bad_offload_request,
     "bad_offload_request",
     "A container's checksum or segmentation request contradicts its frame."},
    {DropReason::frame_too_large,
     "frame_too_large",
     "A container sent a frame larger than its port accepts."},
    {DropReason::same_port, "same_port", "The destination is the port that the frame came from."},
    {DropReason::unknown_unicast,
     "unknown_unicast",
     "The destination MAC is unknown and the segment does not flood unknown unicast."},
    {DropReason::split_horizon,
     "split_horizon",
     "A frame from a tunnel would have to leave by a tunnel: head-end replication forbids it."},
    {DropReason::no_flood_target,
     "no_flood_target",
     "A frame for everybody in a segment where nobody else is."},
    {DropReason::reserved_multicast,
     "reserved_multicast",
     "A link-local protocol frame (01:80:c2:00:00:0x), which bridges do not forward (IEEE "
     "802.1Q)."},
    {DropReason::inner_too_big,
     "inner_too_big",
     "The packet does not fit the tunnel; its sender was told (ICMP fragmentation needed or ICMPv6 "
     "packet too big) when that is allowed."},
    {DropReason::remote_unresolved,
     "remote_unresolved",
     "The MAC address of the next hop towards the remote VTEP is not known yet."},
    {DropReason::uplink_down, "uplink_down", "The uplink's link is down."},
    {DropReason::no_headroom, "no_headroom", "The buffer has no room for the outer header."},
    {DropReason::no_mbuf, "no_mbuf", "The packet pool is empty: raise its size."},
    {DropReason::tx_refused,
     "tx_refused",
     "The device or the container's queue did not take the frame: it is full or down."},
    {DropReason::port_gone, "port_gone", "The destination port was being closed."},
    {DropReason::handoff_full,
     "handoff_full",
     "The ring to the worker that owns the destination is full: that worker is overloaded."},
    {DropReason::punt_budget,
     "punt_budget",
     "More frames for the VTEP itself (ARP, ND, ICMP) than its budget per second."},
    {DropReason::punt_full,
     "punt_full",
     "The ring from this worker to the control thread is full."},
    {DropReason::forwarding_stopped,
     "forwarding_stopped",
     "Forwarding is stopped (`start` resumes)."},
    {DropReason::tunnel_flood_budget,
     "tunnel_flood_budget",
     "More frames for everybody (broadcast, multicast, unknown unicast) arrived through tunnels "
     "than a "
     "worker replicates per second."},
    {DropReason::policy_denied_sender,
     "policy_denied_sender",
     "A rule or the segment's default forbids it at the sender's end (`show policy`)."},
    {DropReason::policy_denied_receiver,
     "policy_denied_receiver",
     "A rule or the segment's default forbids it at the receiver's end (`show policy`)."},
    {DropReason::fragment_without_first,
     "fragment_without_first",
     "A fragment whose first fragment was not seen or was not allowed: its ports are unknown."},
    {DropReason::tcp_state_invalid,
     "tcp_state_invalid",
     "A TCP segment that can not belong to its connection's state."},
    {DropReason::connection_limit,
     "connection_limit",
     "The endpoint has as many live connections as its limit allows."},
    {DropReason::connection_rate,
     "connection_rate",
     "The endpoint opens more connections per second than its limit allows."},
    {DropReason::flow_table_full,
     "flow_table_full",
     "The worker's flow table is full of connections of endpoints with fewer entries."},
    {DropReason::meter_red,
     "meter_red",
     "A policer refused it: the endpoint, rule or tenant sends more than its rate."},
    {DropReason::queue_full, "queue_full", "The egress queue of its class was full."},
    {DropReason::early_drop,
     "early_drop",
     "Dropped early by WRED: the queue of its class is filling up."},
    {DropReason::rule_drop,
     "rule_drop",
     "A match-action rule of the port says drop (`flow list`)."},
}};

namespace detail {
consteval bool drop_info_is_complete() {
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    if (static_cast<std::size_t>(kDropInfo[i].reason) != i) return false;
    if (kDropInfo[i].name.empty() || kDropInfo[i].sentence.empty()) return false;
  }
  return true;
}
}  // namespace detail
static_assert(detail::drop_info_is_complete(), "every DropReason needs its row, in order");

[[nodiscard]] constexpr const DropInfo& drop_info(DropReason reason) noexcept {
  return kDropInfo[static_cast<std::size_t>(reason)];
}

}  // namespace weft
