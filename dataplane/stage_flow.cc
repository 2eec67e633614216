// Who may talk to whom: every packet of a container passes here at that container's end of the conversation.
//
// A hit in the flow table is the whole decision. What makes a packet leave that path: no entry (a new connection, or
// one of which nobody has seen the beginning), an entry that was judged by other rules than those in force, a state
// that the packet can not follow, a payload that has to be looked at. All of these end in `judge`, which asks the
// compiled policy, so that a cached verdict is never another one than the policy would give now.
//
// One end at a time: what a container sends is judged when it leaves it, what it receives when it is about to arrive, by
// its own worker and in its own table (classifier/flow_table.h). ARP, ND and MLD are not policy's: the source guard
// judges them.
#include "classifier/connection_key.h"
#include "classifier/conntrack.h"
#include "classifier/flow_table.h"
#include "classifier/l7.h"
#include "classifier/policy.h"
#include "dataplane/net/headers.h"
#include "dataplane/stages.h"
#include "dataplane/tables.h"

namespace weft {
namespace {

using classifier::ConnectionKey;
using classifier::ConnState;
using classifier::Decision;
using classifier::End;
using classifier::FlowEntry;
using classifier::FlowTable;
using classifier::KeyedPacket;
using classifier::KeyKind;
using classifier::PacketKind;
using classifier::PolicyAction;
using classifier::Step;
using classifier::Tracked;
using classifier::Verdict;

// Decision::verdict. A connection is refused without an entry; this one was allowed once.
constexpr std::uint8_t kDenied = 1;

/// Of decisions in force. No older than the endpoint: an entry with a lesser one was somebody else's.
std::uint32_t epoch_of(const EndpointEntry& endpoint, const SegmentEntry& segment) noexcept {
  const auto age = static_cast<std::int32_t>(segment.policy_epoch - endpoint.born_epoch);
  return age < 0 ? endpoint.born_epoch : segment.policy_epoch;
}

/// A packet at one of its ends.
struct EndPacket {
  rte_mbuf* frame;
  const EndpointEntry* endpoint;
  const SegmentEntry* segment;
  EndpointIndex index;
  End end;
  const ConnectionKey* key;
  std::uint64_t hash;
  bool is_low_to_high;
  bool is_later_fragment;

  [[nodiscard]] const ParsedFrame& parsed() const noexcept { return meta(frame).parsed; }
  [[nodiscard]] ConstBytes head() const noexcept { return head_bytes(frame); }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_of(*endpoint, *segment); }
};

bool is_neighbor_or_listener(const ParsedFrame& parsed, ConstBytes head) noexcept {
  if (parsed.l3 == L3Kind::arp) return true;
  if (parsed.l4 != L4Kind::icmpv6) return false;
  // MLD: RFC 2710, RFC 3810 (130-132, 143). ND: RFC 4861 (133-137).
  const std::uint8_t type = bounded_header<IcmpHeader>(head, parsed.l4_offset).type;
  return (type >= 130 && type <= 137) || type == 143;
}

DropReason denied_at(End end) noexcept {
  return end == End::sender ? DropReason::policy_denied_sender : DropReason::policy_denied_receiver;
}

classifier::ServicePoint service_of(const KeyedPacket& opening, PacketKind kind) noexcept {
  const std::uint8_t protocol = opening.key.protocol();
  if (protocol != kIpProtoIcmp && protocol != kIpProtoIcmpv6) {
    return {protocol, opening.destination_port()};
  }
  // ICMP has type and code where others have the port of the service (connection_key.h): of the request, at the
  // end of who answers it.
  if (kind != PacketKind::icmp_reply) {
    return {protocol, static_cast<std::uint16_t>(opening.destination_port() >> 8U)};
  }
  const auto request = static_cast<std::uint16_t>(opening.source_port() >> 8U);
  if (request == kIcmpEchoRequest) return {protocol, kIcmpEchoReply};
  return {protocol, static_cast<std::uint16_t>(request + 1U)};
}

/// What the rules in force say of a connection that is opened in the direction `from_low`, by a packet of that kind.
Verdict judge(
    StageContext& context, const EndPacket& packet, bool from_low, std::uint8_t l7, PacketKind kind
) noexcept {
  const classifier::Policy& policy = *packet.segment->policy->by_l7[l7];
  const classifier::PolicyDefault fallback = packet.segment->policy_default;
  // At which end of the connection this endpoint is.
  const bool is_opened_here = (packet.end == End::sender) == (packet.is_low_to_high == from_low);
  const End end = is_opened_here ? End::sender : End::receiver;
  if (packet.key->kind() == KeyKind::ethernet) {
    return policy.judge(end, fallback, {}, {}, {});
  }
  const KeyedPacket opening{*packet.key, from_low};
  const SegmentIndex segment = packet.endpoint->segment;
  const IpAddress here = is_opened_here ? opening.source() : opening.destination();
  const IpAddress peer = is_opened_here ? opening.destination() : opening.source();
  const std::uint32_t* identity = context.snapshot->identities.find(segment_address(segment, peer));
  const classifier::Side at_home = policy.side(packet.endpoint->identity, here);
  const classifier::Side at_peer = policy.side(identity != nullptr ? *identity : 0, peer);
  const classifier::ServicePoint service = service_of(opening, kind);
  return is_opened_here ? policy.judge(end, fallback, at_home, at_peer, service)
                        : policy.judge(end, fallback, at_peer, at_home, service);
}

/// A verdict that is acted upon: the rule has one connection more.
Decision decide(StageContext& context, const Verdict& verdict) noexcept {
  if (verdict.counter != classifier::kNoCounter) {
    context.tables->hits(verdict.counter).connections.add(1);
  }
  const bool is_denied = verdict.action == PolicyAction::deny;
  return {verdict.counter, verdict.meter, verdict.dscp, is_denied ? kDenied : std::uint8_t{0}};
}

/// The later fragments of this packet will find the decision; without room for it they are dropped.
void remember_fragments(
    StageContext& context, const EndPacket& packet, const Decision& decision
) noexcept {
  FlowTable& flows = context.tables->flows;
  const ConnectionKey key = classifier::fragment_key(packet.head(), packet.parsed(), packet.index);
  const classifier::Inserted made =
      flows.insert(key, flows.hash(key), ConnState::fragment, context.coarse_now, {});
  if (made.entry == nullptr) return;
  made.entry->decision = decision;
  made.entry->epoch = packet.epoch();
  made.entry->seen = context.coarse_now;
}

/// What a decision says about a packet that may pass: counted under the rule, and how it is to be treated.
void note(StageContext& context, End end, rte_mbuf* frame, const Decision& decision) noexcept {
  if (decision.rule != classifier::kNoCounter) {
    RuleHits& hits = context.tables->hits(decision.rule);
    hits.packets.add(1);
    hits.octets.add(frame->pkt_len);
  }
  PacketMeta& m = meta(frame);
  // A rule that is judged at both ends meters once, and gives its class once: what a meter has made of it since stays.
  const bool is_arriving = end == End::receiver;
  m.rule_dscp = is_arriving && decision.dscp == m.rule_dscp ? classifier::kNoClass : decision.dscp;
  m.rule_meter =
      is_arriving && decision.meter == m.rule_meter ? classifier::kNoMeter : decision.meter;
}

/// The packet is treated as decided, and let pass or not. By value: the entry that the decision comes from may have to
/// make room for a fragment's.
DropReason apply(StageContext& context, const EndPacket& packet, Decision decision) noexcept {
  const bool is_denied = (decision.verdict & kDenied) != 0;
  if (!is_denied && packet.parsed().is_fragment && !packet.is_later_fragment) [[unlikely]]
    remember_fragments(context, packet, decision);
  note(context, packet.end, packet.frame, decision);
  return is_denied ? denied_at(packet.end) : DropReason::none;
}

/// The L7 class of a flow of which no payload was seen. Only TCP and UDP are looked into: of anything else nothing
/// will ever be known, and a rule that allows a class must not wait for it.
std::uint8_t first_l7(const EndPacket& packet) noexcept {
  const std::uint8_t protocol = packet.key->protocol();
  const bool is_looked_into = protocol == kIpProtoTcp || protocol == kIpProtoUdp;
  return is_looked_into ? classifier::kL7Unknown : classifier::kL7None;
}

/// Looks at the payload, while that may still tell something. True: the class is another one than before.
bool look_at_payload(
    StageContext& context, const EndPacket& packet, FlowEntry& entry, bool is_opener
) noexcept {
  const classifier::L7Database* database = packet.segment->policy->l7.get();
  classifier::L7State state{entry.l7, entry.l7_left};
  if (database == nullptr || state.is_known()) return false;
  const ParsedFrame& parsed = packet.parsed();
  const ConstBytes head = packet.head();
  const std::size_t end = parsed.l3_end < head.size() ? parsed.l3_end : head.size();
  const std::size_t start = parsed.payload_offset;
  const bool is_l4 = parsed.l4 == L4Kind::tcp || parsed.l4 == L4Kind::udp;
  const classifier::L7Packet payload{
      is_l4 && start < end ? head.subspan(start, end - start) : ConstBytes{},
      parsed.l4 == L4Kind::tcp   ? classifier::L7Protocol::tcp
      : parsed.l4 == L4Kind::udp ? classifier::L7Protocol::udp
                                 : classifier::L7Protocol::any,
      is_opener ? classifier::L7Direction::to_server : classifier::L7Direction::to_client};
  state = classifier::scan_l7(*database, context.worker, payload, state);
  const bool has_changed = state.class_id != entry.l7;
  entry.l7 = state.class_id;
  entry.l7_left = state.left;
  return has_changed;
}

/// Judges the connection of an entry again, by the rules in force. A deny stays in the entry: forgotten, the connection
/// could be taken for one that the other side opened. False: it is stateless now, and the entry is gone.
bool judge_again(StageContext& context, const EndPacket& packet, FlowEntry& entry) noexcept {
  const bool opener_is_low = (entry.flags & classifier::kOpenerIsLow) != 0;
  // Whatever the packet in hand is, it was no reply that opened the connection.
  const Verdict verdict = judge(context, packet, opener_is_low, entry.l7, PacketKind::other);
  if (verdict.action == PolicyAction::allow && !verdict.is_stateful) {
    context.tables->flows.erase(entry);
    return false;
  }
  entry.decision = decide(context, verdict);
  entry.epoch = packet.epoch();
  return true;
}

classifier::OwnerLimits limits_of(const EndpointEntry& endpoint) noexcept {
  return {endpoint.limits.live, endpoint.limits.new_per_second, 0};
}

DropReason refusal(classifier::InsertStatus status) noexcept {
  switch (status) {
    case classifier::InsertStatus::ok:
    case classifier::InsertStatus::exists:
      return DropReason::none;
    case classifier::InsertStatus::over_connection_limit:
      return DropReason::connection_limit;
    case classifier::InsertStatus::over_connection_rate:
      return DropReason::connection_rate;
    case classifier::InsertStatus::table_full:
      return DropReason::flow_table_full;
  }
  __builtin_unreachable();
}

/// Whether the entry belongs to whoever had the endpoint's index before.
bool is_of_another(const FlowEntry& entry, const EndpointEntry& endpoint) noexcept {
  return static_cast<std::int32_t>(entry.epoch - endpoint.born_epoch) < 0;
}

/// A new entry. What the endpoint's predecessor has left must not count against its limit.
classifier::Inserted insert(
    StageContext& context, const EndPacket& packet, ConnState state
) noexcept {
  FlowTable& flows = context.tables->flows;
  const classifier::OwnerLimits limits = limits_of(*packet.endpoint);
  const classifier::Inserted made =
      flows.insert(*packet.key, packet.hash, state, context.coarse_now, limits);
  if (made.status != classifier::InsertStatus::over_connection_limit) [[likely]]
    return made;
  for (const auto flow_class : {classifier::FlowClass::opening, classifier::FlowClass::settled}) {
    FlowEntry* oldest = flows.oldest(packet.index, flow_class);
    if (oldest == nullptr || !is_of_another(*oldest, *packet.endpoint)) continue;
    flows.erase(*oldest);
    return flows.insert(*packet.key, packet.hash, state, context.coarse_now, limits);
  }
  return made;
}

/// No entry: a connection is opened, picked up in the middle, or refused.
DropReason open_connection(
    StageContext& context, const EndPacket& packet, PacketKind kind
) noexcept {
  bool from_low = packet.is_low_to_high;
  const std::uint8_t l7 = first_l7(packet);
  Verdict verdict = judge(context, packet, from_low, l7, kind);
  bool is_opener = true;
  const bool is_mid_stream = kind == PacketKind::tcp_ack || kind == PacketKind::tcp_fin;
  if (verdict.action == PolicyAction::deny && is_mid_stream) {
    // Perhaps it is the answer of a connection whose beginning nobody has seen.
    const Verdict reverse = judge(context, packet, !from_low, l7, kind);
    // A stateless rule says nothing about answers.
    if (reverse.action == PolicyAction::allow && reverse.is_stateful) {
      verdict = reverse;
      is_opener = false;
      from_low = !from_low;
    }
  }
  const Decision decision = decide(context, verdict);
  if (verdict.action == PolicyAction::deny || !verdict.is_stateful) {
    return apply(context, packet, decision);
  }
  const Step first = classifier::first_state(kind, is_opener, from_low);
  if (first.tracked == Tracked::invalid) return DropReason::tcp_state_invalid;
  const classifier::Inserted made = insert(context, packet, first.state);
  if (made.entry == nullptr) return refusal(made.status);
  FlowEntry& entry = *made.entry;
  entry.flags = first.flags;
  entry.epoch = packet.epoch();
  entry.decision = decision;
  entry.l7 = l7;
  if (look_at_payload(context, packet, entry, is_opener) && !judge_again(context, packet, entry)) {
    return apply(context, packet, decision);
  }
  return apply(context, packet, entry.decision);
}

/// The entry is in force here and now, or nullptr.
FlowEntry* live_entry(StageContext& context, const EndPacket& packet, FlowEntry* entry) noexcept {
  if (entry == nullptr) return nullptr;
  const bool is_over = classifier::is_expired(
      entry->state, entry->seen, context.coarse_now, context.tables->timeouts
  );
  if (is_over || is_of_another(*entry, *packet.endpoint)) [[unlikely]] {
    context.tables->flows.erase(*entry);
    return nullptr;
  }
  return entry;
}

/// An ICMP error passes with the connection it is about. nullopt: it is about none that we know.
std::optional<DropReason> pass_error(StageContext& context, const EndPacket& packet) noexcept {
  const ParsedFrame& parsed = packet.parsed();
  if (parsed.l4 != L4Kind::icmp && parsed.l4 != L4Kind::icmpv6) return std::nullopt;
  const std::optional<KeyedPacket> about =
      classifier::related_key(packet.head(), parsed, packet.index);
  if (!about) return std::nullopt;
  FlowTable& flows = context.tables->flows;
  FlowEntry* entry = live_entry(context, packet, flows.find(about->key, flows.hash(about->key)));
  if (entry == nullptr) return std::nullopt;
  if (entry->epoch != packet.epoch()) {
    // Judged as the connection, at its own addresses; this packet comes from the other side of the quoted one.
    EndPacket quoted = packet;
    quoted.key = &about->key;
    quoted.is_low_to_high = !about->is_low_to_high;
    if (!judge_again(context, quoted, *entry)) return std::nullopt;
  }
  return apply(context, packet, entry->decision);
}

DropReason pass_later_fragment(
    StageContext& context, const EndPacket& packet, FlowEntry* found
) noexcept {
  FlowEntry* first = live_entry(context, packet, found);
  // Its ports are unknown, so it can not be judged again: after a change the rest of the packet is lost.
  if (first == nullptr || first->epoch != packet.epoch()) {
    return DropReason::fragment_without_first;
  }
  return apply(context, packet, first->decision);
}

/// The connection was allowed once and is denied now. Only a SYN may be the beginning of another one with the same
/// addresses and ports; while that is denied too, the entry has to stay, or the old connection could be picked up.
DropReason pass_denied(
    StageContext& context, const EndPacket& packet, FlowEntry& entry, PacketKind kind
) noexcept {
  if (kind != PacketKind::tcp_syn) return apply(context, packet, entry.decision);
  const Verdict verdict = judge(context, packet, packet.is_low_to_high, first_l7(packet), kind);
  if (verdict.action == PolicyAction::deny) {
    return apply(context, packet, decide(context, verdict));
  }
  context.tables->flows.erase(entry);
  return open_connection(context, packet, kind);
}

DropReason pass(StageContext& context, const EndPacket& packet, FlowEntry* found) noexcept {
  if (packet.is_later_fragment) [[unlikely]]
    return pass_later_fragment(context, packet, found);
  // Before its own entry: an error that was once let pass on its own may be about a connection today.
  if (const auto answered = pass_error(context, packet)) return *answered;
  const PacketKind kind = classifier::packet_kind(packet.head(), packet.parsed());
  FlowEntry* entry = live_entry(context, packet, found);
  if (entry == nullptr) return open_connection(context, packet, kind);
  if (entry->epoch != packet.epoch()) [[unlikely]] {
    if (!judge_again(context, packet, *entry)) return open_connection(context, packet, kind);
  }
  if ((entry->decision.verdict & kDenied) != 0) [[unlikely]]
    return pass_denied(context, packet, *entry, kind);
  const bool opener_is_low = (entry->flags & classifier::kOpenerIsLow) != 0;
  const bool is_opener = packet.is_low_to_high == opener_is_low;
  const Step step = classifier::next_state(entry->state, entry->flags, kind, is_opener);
  if (step.tracked == Tracked::invalid) [[unlikely]]
    return DropReason::tcp_state_invalid;
  if (step.tracked == Tracked::is_new) [[unlikely]] {
    context.tables->flows.erase(*entry);
    return open_connection(context, packet, kind);
  }
  if (look_at_payload(context, packet, *entry, is_opener)) [[unlikely]] {
    if (!judge_again(context, packet, *entry)) return open_connection(context, packet, kind);
  }
  if (entry->state != step.state) context.tables->flows.set_state(*entry, step.state);
  entry->flags = step.flags;
  entry->seen = context.coarse_now;
  ++entry->packets;
  return apply(context, packet, entry->decision);
}

/// What is known of a packet before its entry has been found.
struct Asked {
  rte_mbuf* frame;
  const EndpointEntry* endpoint;
  const SegmentEntry* segment;
  std::uint32_t epoch;
  std::uint8_t lane;
  bool is_low_to_high;
  bool is_plain;  // IPv4, UDP or TCP, no fragment
  bool is_later_fragment;
};

/// Whether the packet changes nothing about its connection but counters: what nearly all do. `entry`: of its key.
bool is_settled(
    StageContext& context, const Asked& packet, const FlowEntry& entry, bool looks_at_payload
) noexcept {
  const bool is_in_force = packet.is_plain && entry.epoch == packet.epoch &&
                           entry.decision.verdict == 0 &&
                           !(looks_at_payload && entry.l7 == classifier::kL7Unknown) &&
                           !classifier::is_expired(
                               entry.state, entry.seen, context.coarse_now, context.tables->timeouts
                           );
  if (!is_in_force) return false;
  const ParsedFrame& parsed = meta(packet.frame).parsed;
  if (parsed.l4 == L4Kind::tcp) {
    constexpr unsigned kMeaning =
        TcpHeader::kSyn | TcpHeader::kAck | TcpHeader::kFin | TcpHeader::kRst;
    const auto& tcp = bounded_header<TcpHeader>(head_bytes(packet.frame), parsed.l4_offset);
    return entry.state == ConnState::established && (tcp.flags & kMeaning) == TcpHeader::kAck;
  }
  const bool opener_is_low = (entry.flags & classifier::kOpenerIsLow) != 0;
  return entry.state == ConnState::udp_replied ||
         (entry.state == ConnState::udp_unreplied && packet.is_low_to_high == opener_is_low);
}

/// As pass() for such a packet.
void pass_settled(StageContext& context, End end, rte_mbuf* frame, FlowEntry& entry) noexcept {
  entry.seen = context.coarse_now;
  ++entry.packets;
  note(context, end, frame, entry.decision);
}

}  // namespace

Lanes stage_flow(StageContext& context, classifier::End end, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  FlowTable& flows = context.tables->flows;
  WorkerTables::FlowScratch& scratch = context.tables->scratch;
  std::array<Asked, kMaxBurst> asked;
  std::size_t count = 0;
  // Of the endpoint whose packet was the last.
  EndpointIndex index = kNoEndpoint;
  const EndpointEntry* endpoint = nullptr;
  const SegmentEntry* segment = nullptr;
  std::uint32_t epoch = 0;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const PacketMeta& m = meta(frame);
    const EndpointIndex its = end == End::sender ? m.from : m.to.endpoint();
    if (its != index) {
      index = its;
      endpoint = &snapshot.endpoints[index.value()];
      segment = &snapshot.segments[endpoint->segment.value()];
      epoch = epoch_of(*endpoint, *segment);
    }
    if (segment->policy == nullptr) continue;
    const ConstBytes head = head_bytes(frame);
    Asked& packet = asked[count];
    ConnectionKey& key = scratch.keys[count];
    packet = {
        frame, endpoint, segment, epoch, static_cast<std::uint8_t>(lane), false, false, false};
    if (classifier::is_plain(m.parsed)) [[likely]] {
      packet.is_plain = true;
      packet.is_low_to_high = classifier::write_plain_key(key, head, m.parsed, index);
    } else if (is_neighbor_or_listener(m.parsed, head)) {
      continue;
    } else if (m.parsed.is_later_fragment()) {
      packet.is_later_fragment = packet.is_low_to_high = true;
      key = classifier::fragment_key(head, m.parsed, index);
    } else {
      const KeyedPacket keyed = classifier::connection_key(head, m.parsed, index);
      packet.is_low_to_high = keyed.is_low_to_high;
      key = keyed.key;
    }
    const std::uint64_t hash = scratch.hashes[count] = flows.hash(key);
    flows.prefetch(hash);
    ++count;
  }
  if (count == 0) return live;
  (void)flows.find_bulk(
      {scratch.keys.data(), count}, {scratch.hashes.data(), count}, {scratch.found.data(), count}
  );

  // An entry that one packet makes, another one of the same burst may need; and what was found may be evicted.
  const auto changes = [&flows]() noexcept {
    const classifier::FlowTableStats& stats = flows.stats();
    return stats.inserted + stats.erased + stats.evicted + stats.recycled;
  };
  const std::uint64_t before = changes();
  bool is_table_changed = false;
  for (std::size_t i = 0; i < count; ++i) {
    const Asked& packet = asked[i];
    FlowEntry* entry = scratch.found[i];
    if (is_table_changed) [[unlikely]]
      entry = flows.find(scratch.keys[i], scratch.hashes[i]);
    const bool looks_at_payload = packet.segment->policy->l7 != nullptr;
    if (entry != nullptr && is_settled(context, packet, *entry, looks_at_payload)) [[likely]] {
      pass_settled(context, end, packet.frame, *entry);
      continue;
    }
    const EndPacket whole{
        packet.frame,
        packet.endpoint,
        packet.segment,
        scratch.keys[i].endpoint(),
        end,
        &scratch.keys[i],
        scratch.hashes[i],
        packet.is_low_to_high,
        packet.is_later_fragment};
    const DropReason reason = pass(context, whole, entry);
    is_table_changed = changes() != before;
    if (reason != DropReason::none) {
      drop(context, packet.frame, reason);
      live.remove(packet.lane);
    }
  }
  return live;
}

}  // namespace weft
