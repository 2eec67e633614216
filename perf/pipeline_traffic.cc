#include "perf/pipeline_traffic.h"

#include <cstring>
#include <utility>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::perf {
namespace {

std::uint8_t octet(std::uint32_t word, unsigned shift) noexcept {
  return static_cast<std::uint8_t>(word >> shift);
}
MacAddress mac(std::uint8_t kind, std::uint32_t index) noexcept {
  return {{0x02, 0, 0, kind, octet(index, 8), octet(index, 0)}};
}

void write_udp(std::uint8_t* at, const FrameSpec& spec) noexcept {
  auto* udp = reinterpret_cast<UdpHeader*>(at);
  *udp = UdpHeader{};
  udp->source_port = Be16{spec.port};
  udp->destination_port = Be16{kServicePort};
  udp->length =
      Be16{static_cast<std::uint16_t>(spec.octets - sizeof(EthernetHeader) - sizeof(Ipv4Header))};
}

void write_tcp(std::uint8_t* at, const FrameSpec& spec) noexcept {
  auto* tcp = reinterpret_cast<TcpHeader*>(at);
  *tcp = TcpHeader{};
  tcp->source_port = Be16{spec.port};
  tcp->destination_port = Be16{kServicePort};
  tcp->data_offset = 0x50;
  tcp->flags = TcpHeader::kSyn;
}

}  // namespace

Party container(std::uint32_t index) noexcept {
  return {mac(1, index), {{10, 1, octet(index, 8), static_cast<std::uint8_t>(1U + index)}}};
}

Party peer(std::uint32_t index) noexcept {
  const std::uint32_t third = index / 3;
  if (index % 3 == 0) {
    return {
        mac(2, index), {{10, 20, static_cast<std::uint8_t>(30U + third / 256U), octet(third, 0)}}};
  }
  const std::uint32_t spread = (index + 1U) * 0x9E3779B1U;
  const auto first = static_cast<std::uint8_t>(11U + octet(spread, 24) % 112U);
  return {mac(2, index), {{first, octet(spread, 16), octet(index, 8), octet(index, 0)}}};
}

void write_frame(std::uint8_t* at, const FrameSpec& spec) noexcept {
  auto* ethernet = reinterpret_cast<EthernetHeader*>(at);
  auto* ip = reinterpret_cast<Ipv4Header*>(at + sizeof(EthernetHeader));
  std::uint8_t* l4 = at + sizeof(EthernetHeader) + sizeof(Ipv4Header);
  const Party& sender = spec.is_reply ? spec.to : spec.from;
  const Party& receiver = spec.is_reply ? spec.from : spec.to;
  *ethernet = {receiver.mac, sender.mac, Be16{kEtherTypeIpv4}};
  *ip = Ipv4Header{};
  ip->version_ihl = 0x45;
  ip->tos = static_cast<std::uint8_t>(spec.dscp << 2U);
  ip->total_length = Be16{static_cast<std::uint16_t>(spec.octets - sizeof(EthernetHeader))};
  ip->flags_fragment = Be16{Ipv4Header::kDontFragment};
  ip->ttl = 64;
  ip->source = sender.address;
  ip->destination = receiver.address;
  switch (spec.transport) {
    case Transport::udp:
      ip->protocol = kIpProtoUdp;
      write_udp(l4, spec);
      break;
    case Transport::tcp_syn:
      ip->protocol = kIpProtoTcp;
      write_tcp(l4, spec);
      break;
  }
  if (spec.is_reply) std::swap_ranges(l4, l4 + sizeof(Be16), l4 + sizeof(Be16));  // the ports
  const ConstBytes header{at + sizeof(EthernetHeader), sizeof(Ipv4Header)};
  ip->checksum = Be16{finish(sum_of(header))};
}

}  // namespace weft::perf
