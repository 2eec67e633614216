// Packets that the switch itself writes: ARP and ND answers for known endpoints, ICMP errors for
// packets that do not fit a tunnel.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>

#include "dataplane/base/drop_reason.h"
#include "dataplane/net/addr.h"
#include "dataplane/port/packet.h"

struct rte_mempool;

namespace weft {

/// The address that an ARP request or a multicast neighbour solicitation asks for, else nullopt.
/// Gratuitous ARP, ARP probes for the sender's own address and duplicate address detection (unspecified
/// source) are not questions to answer: nullopt. Uses meta(m).parsed; ND only with hop limit 255 and
/// code 0 (RFC 4861 §7.1.1).
[[nodiscard]] std::optional<IpAddress> neighbor_question(rte_mbuf* frame) noexcept;

/// Turns the question into its answer in place: ARP reply (RFC 826) or neighbour advertisement with
/// S and O set (RFC 4861 §7.2.4), from `mac`, addressed to the asker. Re-parses meta(m).parsed; a partial
/// checksum request is cleared. Precondition: neighbor_question(frame) has a value.
void write_neighbor_answer(rte_mbuf* frame, const MacAddress& mac) noexcept;

/// ICMP "fragmentation needed" (RFC 792, RFC 1191 §4) or ICMPv6 "packet too big" (RFC 4443 §3.2) about
/// `frame`, towards its sender: MACs swapped, IP source = the frame's destination, next-hop MTU = `mtu`,
/// quoting as much as fits 576 octets (IPv4) or 1280 octets (IPv6). nullptr when RFC 1122 §3.2.2 or RFC 4443 §2.4(e) forbid an
/// answer (not IP, ICMP error, non-first fragment, multicast or broadcast source or destination) or no mbuf is left.
/// The frame stays the caller's.
[[nodiscard]] rte_mbuf* make_too_big(rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool) noexcept;

}  // namespace weft
