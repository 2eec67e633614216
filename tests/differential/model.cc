#include "tests/differential/model.h"

#include <algorithm>
#include <utility>

#include "dataplane/net/headers.h"

namespace weft::differential {
namespace {

using classifier::kNoClass;
using classifier::kNoCounter;
using classifier::kNoMeter;
using classifier::PolicyAction;

constexpr std::uint32_t kTicksPerSecond = 16;

// Key space of its own for frames that are not IP.
constexpr std::uint8_t kNoProtocol = 0;

bool is_icmp(std::uint8_t protocol) {
  return protocol == kIpProtoIcmp || protocol == kIpProtoIcmpv6;
}

// Queries and their answers: echo; in IPv4 also timestamp, information, address mask.
std::optional<std::uint8_t> query_of_reply(std::uint8_t protocol, std::uint8_t type) {
  if (protocol == kIpProtoIcmpv6)
    return type == 129 ? std::optional<std::uint8_t>{128} : std::nullopt;
  switch (type) {
    case 0:
      return 8;
    case 14:
      return 13;
    case 16:
      return 15;
    case 18:
      return 17;
    default:
      return std::nullopt;
  }
}
bool is_query(std::uint8_t protocol, std::uint8_t type) {
  if (protocol == kIpProtoIcmpv6) return type == 128;
  return type == 8 || type == 13 || type == 15 || type == 17;
}

bool is_reply(const TracePacket& packet) {
  return packet.kind == Kind::icmp && query_of_reply(packet.flow.protocol, packet.flow.icmp_type);
}

bool can_be_mid_stream(const TracePacket& packet) {
  if (packet.kind != Kind::tcp) return false;
  const TcpKind kind = tcp_kind(packet.tcp_flags);
  return kind == TcpKind::ack || kind == TcpKind::fin;
}

bool can_open(const TracePacket& packet) {
  if (packet.kind != Kind::tcp) return !is_reply(packet);
  return tcp_kind(packet.tcp_flags) == TcpKind::syn || can_be_mid_stream(packet);
}

std::uint32_t timeout_of(std::uint8_t protocol, bool is_ip, bool is_replied, const TcpModel& tcp) {
  if (is_ip && protocol == kIpProtoTcp) return tcp.timeout();
  if (is_ip && protocol == kIpProtoUdp) return is_replied ? 120 : 30;
  if (is_ip && is_icmp(protocol)) return 30;
  return 600;
}

}  // namespace

classifier::PolicySource without_addresses(const classifier::PolicySource& source) {
  classifier::PolicySource left;
  for (const classifier::PolicyRule& rule : source.rules) {
    using enum classifier::Selector::Kind;
    if (rule.from.kind == any && rule.to.kind == any) left.rules.push_back(rule);
  }
  return left;
}

void Model::set_rules(unsigned tenant, TenantRules rules) {
  tenants_[tenant].rules.emplace(std::move(rules));
  ++tenants_[tenant].generation;
}

void Model::replace_container(unsigned tenant, unsigned host) {
  tenants_[tenant].endpoints[host] = {};
}

Fate Model::run(const TracePacket& packet) {
  Tenant& tenant = tenants_[packet.tenant];
  Fate fate;
  std::uint8_t dscp = packet.is_ip() ? packet.dscp : std::uint8_t{0};
  Answer sent;
  if (is_local(packet.from)) {
    sent = pass({packet, tenant, packet.from, true});
    if (sent.reason != DropReason::none) {
      fate.drops.push_back(sent.reason);
      return fate;
    }
    meter(sent.meter);
    if (sent.dscp != kNoClass && packet.is_ip()) dscp = sent.dscp;
  } else if (tenant.rules->dscp_mode == encap::DscpMode::uniform && packet.is_ip()) {
    dscp = packet.outer_dscp;
  }
  for (unsigned to = 0; to < kLocalHosts; ++to) {
    if (to == packet.from || (packet.to != to && packet.to != kEverybody)) continue;
    const Answer received = pass({packet, tenant, to, false});
    if (received.reason != DropReason::none) {
      fate.drops.push_back(received.reason);
      continue;
    }
    if (received.meter != sent.meter) meter(received.meter);
    const bool is_marked = received.dscp != kNoClass && packet.is_ip();
    const unsigned place = endpoint_of(packet.tenant, to).value();
    fate.deliveries.push_back({place, is_marked ? received.dscp : dscp, 0});
  }
  if (!is_local(packet.to) && is_local(packet.from)) {
    const bool is_fixed = tenant.rules->dscp_mode == encap::DscpMode::fixed;
    const std::uint8_t outer = is_fixed ? tenant.rules->fixed_dscp : dscp;
    fate.deliveries.push_back({kTunnelPlace, dscp, outer});
  }
  return fate;
}

Model::Answer Model::pass(const Visit& visit) {
  const TracePacket& packet = visit.packet;
  if (packet.kind == Kind::neighbor) return {};
  if (packet.kind == Kind::later_fragment) return pass_later_fragment(visit);
  if (const auto answer = pass_error(visit)) return *answer;
  const Sides sides = sides_of(packet);
  Connection* connection = find(visit, sides);
  return connection != nullptr ? pass_known(visit, sides, *connection) : open(visit, sides);
}

Model::Answer Model::pass_later_fragment(const Visit& visit) {
  const Flow& flow = visit.packet.flow;
  auto& fragments = visit.endpoint().fragments;
  const auto found = fragments.find({flow.source, flow.destination, visit.packet.identification});
  if (found == fragments.end()) return {DropReason::fragment_without_first};
  const FirstFragment& first = found->second;
  if (first.generation != visit.tenant.generation || now_ - first.seen > 30 * kTicksPerSecond) {
    return {DropReason::fragment_without_first};
  }
  return apply(visit, first.verdict);
}

std::optional<Model::Answer> Model::pass_error(const Visit& visit) {
  const TracePacket& packet = visit.packet;
  if (!packet.quoted || packet.quoted->source != packet.flow.destination) return std::nullopt;
  const Sides quoted = sides_of(*packet.quoted);
  Connection* connection = find(visit, quoted);
  if (connection == nullptr) return std::nullopt;
  // The receiver of the error sent the quoted packet.
  const bool is_opener_receiver = connection->opener == quoted.sender;
  const Side& other = is_opener_receiver ? quoted.receiver : quoted.sender;
  const bool is_opened_here = is_opener_receiver != visit.is_sender;
  const Verdict verdict =
      judge(visit, quoted.protocol, connection->opener, other, is_opened_here, std::nullopt);
  if (verdict.action == PolicyAction::allow && !verdict.is_stateful) {
    forget(visit, quoted);
    return std::nullopt;
  }
  if (connection->generation != visit.tenant.generation) count_connection(verdict);
  connection->generation = visit.tenant.generation;
  return apply(visit, verdict);
}

Model::Answer Model::pass_known(const Visit& visit, const Sides& sides, Connection& connection) {
  const TracePacket& packet = visit.packet;
  const bool is_opener = connection.opener == sides.sender;
  const Side& other = is_opener ? sides.receiver : sides.sender;
  const Verdict verdict = judge(
      visit, sides.protocol, connection.opener, other, is_opener == visit.is_sender, std::nullopt
  );
  if (verdict.action == PolicyAction::allow && !verdict.is_stateful) {
    forget(visit, sides);
    return open(visit, sides);
  }
  if (connection.generation != visit.tenant.generation) count_connection(verdict);
  connection.generation = visit.tenant.generation;

  if (verdict.action == PolicyAction::deny) {
    if (packet.kind != Kind::tcp || tcp_kind(packet.tcp_flags) != TcpKind::syn) {
      return apply(visit, verdict);
    }
    const Verdict anew =
        judge(visit, sides.protocol, sides.sender, sides.receiver, visit.is_sender, std::nullopt);
    if (anew.action == PolicyAction::deny) {
      count_connection(anew);
      return apply(visit, anew);
    }
    forget(visit, sides);
    return open(visit, sides);
  }
  if (packet.kind == Kind::tcp) {
    switch (connection.tcp.receive(tcp_kind(packet.tcp_flags), is_opener)) {
      case TcpModel::Answer::impossible:
        return {DropReason::tcp_state_invalid};
      case TcpModel::Answer::opens_anew:
        forget(visit, sides);
        return open(visit, sides);
      case TcpModel::Answer::belongs:
        break;
    }
  }
  if (!is_opener) connection.is_replied = true;
  connection.seen = now_;
  return apply(visit, verdict);
}

Model::Answer Model::open(const Visit& visit, const Sides& sides) {
  const TracePacket& packet = visit.packet;
  std::optional<std::uint8_t> reply_type;
  if (is_reply(packet)) reply_type = packet.flow.icmp_type;
  Verdict verdict =
      judge(visit, sides.protocol, sides.sender, sides.receiver, visit.is_sender, reply_type);
  bool is_opener = true;
  if (verdict.action == PolicyAction::deny && can_be_mid_stream(packet)) {
    const Verdict reverse =
        judge(visit, sides.protocol, sides.receiver, sides.sender, !visit.is_sender, std::nullopt);
    if (reverse.action == PolicyAction::allow && reverse.is_stateful) {
      verdict = reverse;
      is_opener = false;
    }
  }
  count_connection(verdict);
  if (verdict.action == PolicyAction::deny || !verdict.is_stateful) return apply(visit, verdict);
  if (!can_open(packet)) return {DropReason::tcp_state_invalid};

  Connection connection;
  connection.opener = is_opener ? sides.sender : sides.receiver;
  connection.generation = visit.tenant.generation;
  connection.seen = now_;
  if (packet.kind == Kind::tcp) {
    connection.tcp = TcpModel::opened_by(tcp_kind(packet.tcp_flags), is_opener);
  }
  memory(visit)[id_of(sides)] = connection;
  return apply(visit, verdict);
}

Model::Answer Model::apply(const Visit& visit, const Verdict& verdict) {
  const TracePacket& packet = visit.packet;
  if (verdict.counter != kNoCounter) {
    ++counts_[verdict.counter].packets;
    counts_[verdict.counter].octets += size_of(packet);
  }
  if (verdict.action == PolicyAction::deny) {
    return {
        visit.is_sender ? DropReason::policy_denied_sender : DropReason::policy_denied_receiver};
  }
  if (packet.is_first_fragment()) {
    visit.endpoint()
        .fragments[{packet.flow.source, packet.flow.destination, packet.identification}] =
        FirstFragment{visit.tenant.generation, now_, verdict};
  }
  return {DropReason::none, verdict.dscp, verdict.meter};
}

Model::Verdict Model::judge(
    const Visit& visit,
    std::uint8_t protocol,
    const Side& opener,
    const Side& other,
    bool is_opened_here,
    std::optional<std::uint8_t> icmp_type
) const {
  const TenantRules& rules = *visit.tenant.rules;
  const classifier::End end = is_opened_here ? classifier::End::sender : classifier::End::receiver;
  if (!visit.packet.is_ip()) {
    return rules.reference_without_addresses.judge(end, rules.fallback, {}, {}, {});
  }

  // Whoever has the address; but here it is the container that the packet comes from or goes to.
  const auto party = [&](const Side& side, bool is_here) {
    const IpAddress& address = std::get<IpAddress>(side);
    if (is_here) return Party{host(visit.host).identity, address};
    for (unsigned i = 0; i < kHosts; ++i) {
      if (host(i).v4 == address || host(i).v6 == address) return Party{host(i).identity, address};
    }
    return Party{0, address};
  };
  std::uint16_t point = std::get<std::uint16_t>(other);
  if (is_icmp(protocol)) point = icmp_type ? *icmp_type : static_cast<std::uint16_t>(point >> 8U);
  return rules.reference.judge(
      end,
      rules.fallback,
      party(opener, is_opened_here),
      party(other, !is_opened_here),
      {protocol, point}
  );
}

Model::Connection* Model::find(const Visit& visit, const Sides& sides) {
  auto& connections = memory(visit);
  const auto found = connections.find(id_of(sides));
  if (found == connections.end()) return nullptr;
  Connection& connection = found->second;
  const std::uint32_t timeout =
      timeout_of(sides.protocol, visit.packet.is_ip(), connection.is_replied, connection.tcp);
  if (now_ - connection.seen <= timeout * kTicksPerSecond) return &connection;
  connections.erase(found);
  return nullptr;
}

void Model::forget(const Visit& visit, const Sides& sides) {
  memory(visit).erase(id_of(sides));
}

std::map<Model::ConnectionId, Model::Connection>& Model::memory(const Visit& visit) {
  return visit.packet.is_ip() ? visit.endpoint().connections : visit.endpoint().frames;
}

void Model::count_connection(const Verdict& verdict) {
  if (verdict.counter != kNoCounter) ++counts_[verdict.counter].connections;
}

void Model::meter(std::uint16_t index) {
  if (index != kNoMeter) ++metered_[index];
}

Model::Sides Model::sides_of(const Flow& flow) {
  std::uint16_t source = flow.source_port;
  std::uint16_t destination = flow.destination_port;
  if (is_icmp(flow.protocol)) {
    // Who asks has the identifier, who answers type and code of the question; other messages have no port
    // on the sender's side.
    const auto service = [&flow](std::uint8_t type) {
      return static_cast<std::uint16_t>(type << 8U | flow.icmp_code);
    };
    const auto answered = query_of_reply(flow.protocol, flow.icmp_type);
    source = answered                                  ? service(*answered)
             : is_query(flow.protocol, flow.icmp_type) ? flow.identifier
                                                       : std::uint16_t{0};
    destination = answered ? flow.identifier : service(flow.icmp_type);
  }
  return {flow.protocol, {flow.source, source}, {flow.destination, destination}};
}

Model::Sides Model::sides_of(const TracePacket& packet) {
  if (packet.is_ip()) return sides_of(packet.flow);
  const auto side = [&packet](unsigned index) {
    return Side{index == kEverybody ? IpAddress{} : host(index).v4, packet.ether_type};
  };
  return {kNoProtocol, side(packet.from), side(packet.to)};
}

Model::ConnectionId Model::id_of(const Sides& sides) {
  return {
      sides.protocol,
      std::min(sides.sender, sides.receiver),
      std::max(sides.sender, sides.receiver)};
}

}  // namespace weft::differential
