// Packets that the switch itself writes: ARP and ND answers for known endpoints, ICMP errors for
// packets that do not fit a tunnel.
//
//   if (const auto asked = neighbor_question(frame)) {
//     if (const MacAddress* mac = snapshot.neighbors.find(...)) write_neighbor_answer(frame, *mac);
//   }
#pragma once

#include <cstdint>
#include <optional>

#include <rte_mbuf.h>

#include "dataplane/base/drop_reason.h"
#include "dataplane/net/addr.h"
#include "dataplane/port/packet.h"

struct rte_mempool;

namespace weft {

/// The address that an ARP request or a multicast neighbour solicitation asks for, else nullopt.
/// Not questions to answer, because the asker wants to hear the owner and nobody else: gratuitous
/// ARP, ARP probes (sender 0.0.0.0, RFC 5227 s2.1.1), duplicate address detection (unspecified
/// source), unicast solicitations (reachability, RFC 4861 s7.3). ND only as RFC 4861 s7.1.1 says:
/// hop limit 255, code 0, length, options, checksum (unless the frame's request says that it is
/// partial or checked); not behind extension headers (RFC 6980 forbids fragment headers, even of
/// unfragmented packets, and nobody needs the others). The whole question lies in the first mbuf.
/// Uses meta(m).parsed.
[[nodiscard]] std::optional<IpAddress> neighbor_question(rte_mbuf* frame) noexcept;

/// Turns the question into its answer in place: ARP reply (RFC 826) or neighbour advertisement with
/// S and O set (RFC 4861 s7.2.4), from `mac`, addressed to the asker; VLAN tags stay. Re-parses
/// meta(m).parsed; the offload request is cleared. Precondition: neighbor_question(frame) has a
/// value.
void write_neighbor_answer(rte_mbuf* frame, const MacAddress& mac) noexcept;

/// ICMP "fragmentation needed" (RFC 792, RFC 1191 s4) or ICMPv6 "packet too big" (RFC 4443 s3.2)
/// about `frame`, towards its sender: MACs swapped, VLAN tags kept, IP source = the frame's
/// destination, next-hop MTU = `mtu`, quoting as much as fits 576 octets (IPv4, RFC 1812 s4.3.2.3)
/// or 1280 octets (IPv6). Its meta: parsed, the frame's network segment, `to` = where the frame
/// came from, `from` nobody.
///
/// nullptr when no mbuf is left, or RFC 1122 s3.2.2 or RFC 4443 s2.4(e) forbid an answer: not IP,
/// an ICMP error or redirect, a non-first fragment (its first one is as large and is answered), a
/// source that is not one host, a multicast or broadcast destination of either layer. (RFC 4443
/// would allow "packet too big" for multicast, but there is no unicast address here to send it
/// from.) The frame stays the caller's, the answer is the caller's.
[[nodiscard]] rte_mbuf* make_too_big(
    rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool
) noexcept;

}  // namespace weft
