#include "tests/differential/traffic.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "dataplane/net/headers.h"

namespace weft::differential {
namespace {

constexpr std::size_t kConversations = 240;
// random_policy() likes some of these.
constexpr std::uint16_t kServices[] = {1, 2, 79, 80, 81, 255, 256, 8080, 65535};
constexpr std::uint16_t kClients[] = {80, 1024, 40000, 40001};

constexpr std::uint8_t kFin = TcpHeader::kFin;
constexpr std::uint8_t kSyn = TcpHeader::kSyn;
constexpr std::uint8_t kRst = TcpHeader::kRst;
constexpr std::uint8_t kAck = TcpHeader::kAck;

struct Line {
  bool is_client;
  std::uint8_t flags;
};
constexpr Line kScript[] = {
    {true, kSyn},
    {false, kSyn | kAck},
    {true, kAck},
    {true, kAck},
    {false, kAck},
    {true, kAck},
    {false, kFin | kAck},
    {true, kAck},
    {true, kFin | kAck},
    {false, kAck},
};
constexpr Line kSimultaneous[] = {
    {true, kSyn},
    {false, kSyn},
    {true, kSyn | kAck},
    {false, kSyn | kAck},
    {true, kAck},
    {false, kAck},
    {false, kFin | kAck},
    {true, kFin | kAck},
    {true, kAck},
    {false, kAck},
};
constexpr std::size_t kSteps = std::size(kScript);
static_assert(kSteps == std::size(kSimultaneous));

Flow reversed(Flow flow) {
  std::swap(flow.source, flow.destination);
  std::swap(flow.source_port, flow.destination_port);
  if (flow.protocol == kIpProtoIcmp && flow.icmp_type == kIcmpEchoRequest) {
    flow.icmp_type = kIcmpEchoReply;
  } else if (flow.protocol == kIpProtoIcmp && (flow.icmp_type == 13 || flow.icmp_type == 17)) {
    ++flow.icmp_type;
  } else if (flow.protocol == kIpProtoIcmpv6 && flow.icmp_type == kIcmpv6EchoRequest) {
    flow.icmp_type = kIcmpv6EchoReply;
  }
  return flow;
}

Kind kind_of(std::uint8_t protocol) {
  switch (protocol) {
    case kIpProtoTcp:
      return Kind::tcp;
    case kIpProtoUdp:
      return Kind::udp;
    case kIpProtoIcmp:
    case kIpProtoIcmpv6:
      return Kind::icmp;
    default:
      return Kind::other;
  }
}

}  // namespace

Traffic::Traffic(std::uint64_t seed) : random_{seed} {
  while (conversations_.size() < kConversations) conversations_.push_back(new_conversation());
}

std::vector<TracePacket> Traffic::burst(std::size_t most) {
  if (one_in(2)) conversations_[below(kConversations)] = new_conversation();
  const std::size_t count = 1 + below(most);
  const unsigned tenant = below(kTenants);
  const unsigned from = below(kLocalHosts + 2);
  std::vector<TracePacket> packets;
  while (packets.size() < count) {
    if (is_local(from)) {
      packets.push_back(next_of(tenant, from));
    } else {
      // Out of the uplink everything comes mixed.
      const unsigned any_tenant = below(kTenants);
      packets.push_back(next_of(any_tenant, kLocalHosts + below(kHosts - kLocalHosts)));
    }
  }
  return packets;
}

Traffic::Conversation Traffic::new_conversation() {
  Conversation made;
  made.tenant = below(kTenants);
  do {
    made.client = below(kRouter);
    made.server = below(kRouter);
  } while (made.client == made.server || (!is_local(made.client) && !is_local(made.server)));
  made.is_v6 = one_in(3);
  Flow& flow = made.flow;
  flow.source = host(made.client).address(made.is_v6);
  flow.destination = host(made.server).address(made.is_v6);
  flow.source_port = kClients[below(std::size(kClients))];
  flow.destination_port = kServices[below(std::size(kServices))];
  switch (below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      flow.protocol = kIpProtoTcp;
      made.is_simultaneous = one_in(6);
      made.step = one_in(4) ? below(kSteps) : 0;
      break;
    case 5:
    case 6:
      flow.protocol = kIpProtoUdp;
      break;
    case 7:
      flow.source_port = flow.destination_port = 0;
      flow.protocol = made.is_v6 ? kIpProtoIcmpv6 : kIpProtoIcmp;
      flow.icmp_type =
          made.is_v6 ? kIcmpv6EchoRequest : std::array<std::uint8_t, 3>{8, 13, 17}[below(3)];
      flow.identifier = static_cast<std::uint16_t>(below(4) << 8U);
      break;
    case 8:
      flow.protocol = kSctp;
      break;
    default:
      flow.source_port = flow.destination_port = 0;
      flow.protocol = one_in(2) ? std::uint8_t{kIpProtoGre} : std::uint8_t{200};
      break;
  }
  return made;
}

TracePacket Traffic::next_of(unsigned tenant, unsigned from) {
  // A conversation in which this host has a part; the router only sends errors about those of others.
  Conversation* chosen = nullptr;
  bool is_client = true;
  while (chosen == nullptr) {
    Conversation& candidate = conversations_[below(kConversations)];
    if (candidate.tenant != tenant) continue;
    const bool is_part = candidate.client == from || candidate.server == from;
    if (!is_part && from != kRouter) {
      // So that a host without conversations does not wait for one for ever.
      if (one_in(40)) {
        Conversation made = new_conversation();
        if (made.tenant == tenant && (made.client == from || made.server == from)) candidate = made;
      }
      continue;
    }
    chosen = &candidate;
    is_client = candidate.client == from;
  }
  TracePacket packet;
  if (from == kRouter) {
    is_client = is_local(chosen->server);  // so that the receiver of the error is here
    packet = packet_of(*chosen, is_client);
    packet.from = kRouter;
    make_error(*chosen, packet);
  } else {
    packet = packet_of(*chosen, is_client);
    if (one_in(16) && packet.is_ip() && !packet.is_fragment) make_error(*chosen, packet);
    if (one_in(24)) make_something_else(packet);
  }
  packet.number = number_++;
  packet.dscp = one_in(2) ? std::uint8_t{0} : static_cast<std::uint8_t>(below(64));
  packet.outer_dscp = one_in(2) ? packet.dscp : static_cast<std::uint8_t>(below(64));
  return packet;
}

TracePacket Traffic::packet_of(Conversation& conversation, bool is_client) {
  TracePacket packet;
  packet.tenant = conversation.tenant;
  packet.from = is_client ? conversation.client : conversation.server;
  packet.to = is_client ? conversation.server : conversation.client;
  packet.is_v6 = conversation.is_v6;
  packet.flow = is_client ? conversation.flow : reversed(conversation.flow);
  packet.kind = kind_of(packet.flow.protocol);
  if (packet.kind == Kind::tcp) packet.tcp_flags = tcp_flags(conversation, is_client);
  if (packet.kind == Kind::udp) make_fragment(conversation, packet, is_client);
  return packet;
}

std::uint8_t Traffic::tcp_flags(Conversation& conversation, bool is_client) {
  static constexpr std::uint8_t kAny[] = {
      kSyn, kSyn, kSyn | kAck, kAck, kFin | kAck, kRst, kRst | kAck, 0, kFin, kSyn | kFin, 0x3F};
  if (one_in(12)) return kAny[below(std::size(kAny))];
  const Line* script = conversation.is_simultaneous ? kSimultaneous : kScript;
  if (conversation.step == kSteps) {
    // It is over: perhaps another one with the same ports, by either side.
    if (one_in(3)) return kAck;
    conversation.step = 0;
  }
  if (one_in(16)) ++conversation.step;  // as if a packet was lost
  if (conversation.step == kSteps) return kAck;
  const Line& line = script[conversation.step];
  if (line.is_client != is_client) {
    // Not its turn: it repeats itself or talks.
    if (conversation.step == 0 || one_in(2)) return kAck;
    return script[conversation.step - 1].flags;
  }
  if (!one_in(8)) ++conversation.step;
  return line.flags;
}

void Traffic::make_fragment(Conversation& conversation, TracePacket& packet, bool is_client) {
  std::vector<std::uint8_t>& parts = conversation.fragments;
  if (parts.empty()) {
    if (!one_in(5)) return;
    parts = {2, 1, 0};
    if (one_in(4)) std::shuffle(parts.begin(), parts.end(), random_);
    if (one_in(8)) parts.pop_back();
    if (one_in(8)) parts.push_back(0);
    // Unique for a pair of hosts as long as anybody could remember it.
    conversation.identification = ++identification_;
    conversation.are_fragments_from_client = is_client;
  }
  if (conversation.are_fragments_from_client != is_client) return;
  packet.is_fragment = true;
  packet.identification = conversation.identification;
  packet.part = parts.back();
  parts.pop_back();
  if (packet.part == 0) return;
  packet.kind = Kind::later_fragment;
}

/// Instead of `packet`: an error about something that its receiver sent.
void Traffic::make_error(const Conversation& conversation, TracePacket& packet) {
  const bool is_to_client = packet.to == conversation.client;
  Flow quoted = is_to_client ? conversation.flow : reversed(conversation.flow);
  if (one_in(4)) {
    // About a flow that nobody has.
    const auto other = static_cast<std::uint16_t>(below(65536));
    (quoted.source_port != 0 ? quoted.source_port : quoted.identifier) = other;
  }
  // Quoting what somebody else sent is not for who receives it.
  if (one_in(10)) quoted = reversed(quoted);
  packet.kind = Kind::icmp;
  packet.tcp_flags = 0;
  packet.is_fragment = false;
  packet.part = 0;
  packet.flow = {};
  packet.flow.source = host(packet.from).address(packet.is_v6);
  packet.flow.destination = host(packet.to).address(packet.is_v6);
  packet.flow.protocol = packet.is_v6 ? kIpProtoIcmpv6 : kIpProtoIcmp;
  packet.flow.icmp_type = packet.is_v6 ? static_cast<std::uint8_t>(1 + below(4))
                                       : std::array<std::uint8_t, 3>{3, 11, 12}[below(3)];
  packet.flow.icmp_code = static_cast<std::uint8_t>(below(3));
  packet.quoted = quoted;
}

/// Instead of `packet`: for everybody, not IP, or ARP.
void Traffic::make_something_else(TracePacket& packet) {
  packet.tcp_flags = 0;
  packet.is_fragment = false;
  packet.part = 0;
  packet.quoted.reset();
  switch (below(3)) {
    case 0:
      packet.kind = Kind::udp;
      packet.flow.protocol = kIpProtoUdp;
      packet.flow.source_port = 5353;
      packet.flow.destination_port = kServices[below(std::size(kServices))];
      packet.flow.icmp_type = packet.flow.icmp_code = 0;
      packet.flow.destination =
          packet.is_v6 ? IpAddress{Ipv6Address{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}}}
                       : IpAddress{Ipv4Address{{224, 0, 0, 5}}};
      packet.to = kEverybody;
      break;
    case 1:
      packet.kind = Kind::ethernet;
      packet.ether_type = one_in(2) ? 0x88B5 : 0x88B6;
      break;
    default:
      packet.kind = Kind::neighbor;
      break;
  }
}

}  // namespace weft::differential
