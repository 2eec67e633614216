// The differential test of classification: see README.md.
//
//   differential --packets 300000 --seed 7
//
// Random rules and random traffic go three ways, which must agree packet by packet:
//
//   cached     bursts of random size through two workers, with everything that the flow tables remember
//   uncached   one packet at a time through one worker; before each the policy epoch changes, so that every
//              verdict is made anew
//   model      model.h
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "classifier/testing/random_policy.h"
#include "tests/differential/path.h"
#include "tests/differential/traffic.h"

namespace weft::differential {
namespace {

constexpr std::size_t kHistory = 200'000;  // packets

std::string describe(const Delivery& delivery) {
  std::ostringstream out;
  if (delivery.place == kTunnelPlace) {
    out << "tunnel (outer dscp " << int{delivery.outer_dscp} << ')';
  } else {
    out << "endpoint " << delivery.place;
  }
  out << " dscp " << int{delivery.dscp};
  return out.str();
}

std::string describe(const Fate& fate) {
  std::string text;
  for (const Delivery& delivery : fate.deliveries) text += " -> " + describe(delivery);
  for (const DropReason reason : fate.drops) text += " x " + std::string{drop_info(reason).name};
  return text;
}

std::string describe(const classifier::Selector& selector) {
  using Kind = classifier::Selector::Kind;
  switch (selector.kind) {
    case Kind::any:
      return "any";
    case Kind::group:
      return "group " + selector.group;
    case Kind::cidr:
      return format(selector.prefix);
    case Kind::labels:
      break;
  }
  std::string text = "labels";
  for (const auto& term : selector.terms) {
    text += std::string{term.is_negated ? " !" : " "} + term.key;
    if (term.has_value) text += "=" + term.value;
  }
  return text;
}

std::string describe(const classifier::PolicyRule& rule) {
  constexpr std::string_view kEnds[] = {"both ends", "sender", "receiver"};
  std::ostringstream out;
  out << "counter " << rule.counter << " priority " << rule.priority << ' '
      << kEnds[static_cast<std::size_t>(rule.ends)] << ": " << describe(rule.from) << " > "
      << describe(rule.to);
  if (!rule.service.any_protocol) out << " proto " << int{rule.service.protocol};
  if (!rule.service.any_icmp_type) out << " type " << int{rule.service.icmp_type};
  out << " ports " << rule.service.first_port << '-' << rule.service.last_port << ": "
      << (rule.action == classifier::PolicyAction::allow ? "allow" : "deny")
      << (rule.is_stateful ? "" : " stateless") << " dscp " << int{rule.dscp} << " meter "
      << rule.meter;
  return out.str();
}

class Differential {
 public:
  explicit Differential(std::uint64_t seed)
      : policy_random_{static_cast<std::uint32_t>(seed)}, random_{seed}, traffic_{seed} {
    for (unsigned tenant = 0; tenant < kTenants; ++tenant) change_rules(tenant);
  }

  /// The first difference, or nullopt.
  std::optional<std::string> run(std::uint64_t packets) {
    while (seen_ < packets) {
      if (random_() % 128 == 0) change_rules(static_cast<unsigned>(random_() % kTenants));
      let_time_pass();
      const std::vector<TracePacket> burst = traffic_.burst(random_() % 4 == 0 ? kMaxBurst : 8);
      if (auto difference = run_burst_of(burst)) return difference;
      seen_ += burst.size();
    }
    for (const Path* path : {&cached_, &uncached_}) {
      if (!path->fault().empty()) return path->fault();
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string summary() const {
    std::ostringstream out;
    out << seen_ << " packets, " << changes_ << " changes of rules, " << delivered_
        << " deliveries";
    for (const DropInfo& info : kDropInfo) {
      const std::uint64_t count = cached_.dropped(info.reason);
      if (count != 0) out << ", " << info.name << ' ' << count;
    }
    return out.str();
  }

 private:
  void change_rules(unsigned tenant) {
    ++changes_;
    source_[tenant] = classifier::testing::random_policy(
        policy_random_,
        {.rules = 1 + random_() % 60, .identities = kIdentities, .agents = random_() % 2}
    );
    classifier::PolicySource& source = source_[tenant];
    if (!source.agents.empty() && random_() % 2 == 0) source.agents[0] = {host(5).v4, 32};
    for (std::uint32_t i = 0; i < source.rules.size(); ++i) {
      classifier::PolicyRule& rule = source.rules[i];
      rule.counter = tenant * kRulesPerTenant + i;
      if (rule.meter != classifier::kNoMeter) {
        rule.meter = static_cast<std::uint16_t>(1 + rule.meter % (kMeters - 1U));
      }
    }
    auto compiled = classifier::compile_policy(source);
    if (!compiled) {
      std::cerr << "policy: " << compiled.error().message << '\n';
      std::abort();
    }
    auto policy = std::make_shared<TenantPolicy>();
    policy->by_l7.fill(compiled->get());
    policy->variants.emplace_back(std::move(*compiled));
    const Path::Rules rules{
        std::move(policy),
        static_cast<classifier::PolicyDefault>(random_() % 3),
        static_cast<encap::DscpMode>(random_() % 3),
        static_cast<std::uint8_t>(random_() % 64)};
    cached_.set_rules(tenant, rules);
    uncached_.set_epoch(tenant, next_epoch_++);
    uncached_.set_rules(tenant, rules);
    model_.set_rules(
        tenant,
        {classifier::testing::PolicyReference{source},
         classifier::testing::PolicyReference{without_addresses(source)},
         rules.fallback,
         rules.dscp_mode,
         rules.fixed_dscp}
    );
    if (random_() % 4 == 0) {
      const auto replaced = static_cast<unsigned>(random_() % kLocalHosts);
      cached_.replace_container(tenant, replaced);
      uncached_.replace_container(tenant, replaced);
      model_.replace_container(tenant, replaced);
    }
    first_fragments_[tenant].clear();
    fallback_[tenant] = rules.fallback;
  }

  void let_time_pass() {
    std::uint32_t ticks = 0;
    if (random_() % 4 == 0) ticks = static_cast<std::uint32_t>(random_() % 16);
    if (random_() % 256 == 0) ticks = static_cast<std::uint32_t>(random_() % (200 * 16));
    if (random_() % 65536 == 0) ticks = 100'000 * 16;
    for (Path* path : {&cached_, &uncached_}) path->advance(ticks);
    model_.advance(ticks);
    if (random_() % 64 == 0) cached_.sweep();
    if (random_() % 64 == 0) uncached_.sweep();
  }

  std::optional<std::string> run_burst_of(const std::vector<TracePacket>& burst) {
    std::vector<Emission> expected;
    for (const TracePacket& packet : burst) {
      Fate fate = model_.run(packet);
      delivered_ += fate.deliveries.size();
      std::vector<Emission> wanted;
      for (const Delivery& delivery : fate.deliveries) wanted.push_back({packet.number, delivery});
      for (const DropReason reason : fate.drops) ++drops_[static_cast<std::size_t>(reason)];
      std::sort(wanted.begin(), wanted.end());
      expected.insert(expected.end(), wanted.begin(), wanted.end());
      history_.push_back({packet, std::move(fate)});
      if (history_.size() > kHistory) history_.pop_front();

      renew(packet);
      const auto difference =
          compare("uncached", packet, wanted, uncached_.run({&packet, 1}), uncached_, false);
      if (difference) return difference;
    }
    std::sort(expected.begin(), expected.end());
    return compare("cached", burst.back(), expected, cached_.run(burst), cached_, true);
  }

  /// No verdict of before is good enough any more. Only later fragments can not be judged again: they get the epoch of
  /// their first one.
  void renew(const TracePacket& packet) {
    const std::uint32_t next = ++next_epoch_;
    uncached_.set_epoch(packet.tenant, next);
    if (!packet.is_fragment) return;
    auto& first_fragments = first_fragments_[packet.tenant];
    const std::pair datagram{packet.flow.source, packet.identification};
    if (packet.is_first_fragment()) {
      first_fragments[datagram] = next;
    } else if (const auto first = first_fragments.find(datagram); first != first_fragments.end()) {
      uncached_.set_epoch(packet.tenant, first->second);
    }
  }

  std::optional<std::string> compare(
      std::string_view name,
      const TracePacket& last,
      const std::vector<Emission>& expected,
      const std::vector<Emission>& seen,
      const Path& path,
      bool with_connections
  ) const {
    std::ostringstream out;
    const TracePacket* culprit = nullptr;
    const auto [wanted, got] =
        std::mismatch(expected.begin(), expected.end(), seen.begin(), seen.end());
    if (wanted != expected.end() || got != seen.end()) {
      const std::uint32_t number = wanted == expected.end() ? got->first
                                   : got == seen.end()      ? wanted->first
                                                            : std::min(wanted->first, got->first);
      out << name << ": deliveries of #" << number << " differ; the switch delivered";
      for (const auto& [id, delivery] : seen) {
        if (id == number) out << " -> " << describe(delivery);
      }
      out << '\n';
      for (const Event& event : history_) {
        if (event.packet.number == number) culprit = &event.packet;
      }
    }
    for (const DropInfo& info : kDropInfo) {
      const std::uint64_t model = drops_[static_cast<std::size_t>(info.reason)];
      const std::uint64_t real = path.dropped(info.reason);
      if (model == real) continue;
      out << name << ": " << info.name << " is " << real << ", the model has " << model << '\n';
    }
    const auto& counts = model_.rule_counts();
    for (std::uint32_t i = 0; i < kRuleCounters; ++i) {
      RuleCount real = path.rule_count(i);
      if (!with_connections) real.connections = counts[i].connections;
      if (real == counts[i]) continue;
      out << name << ": rule counter " << i << " is " << real.packets << " packets " << real.octets
          << " octets " << real.connections << " connections, the model has " << counts[i].packets
          << ' ' << counts[i].octets << ' ' << counts[i].connections << '\n';
    }
    for (std::uint16_t i = 1; i < kMeters; ++i) {
      if (path.metered(i) == model_.metered()[i]) continue;
      out << name << ": meter " << i << " is " << path.metered(i) << ", the model has "
          << model_.metered()[i] << '\n';
    }
    if (out.str().empty()) return std::nullopt;
    return out.str() + story_of(culprit != nullptr ? *culprit : last);
  }

  static bool is_between_same(const Flow& a, const Flow& b) {
    return std::minmax(a.source, a.destination) == std::minmax(b.source, b.destination);
  }

  /// The rules of the packet's tenant, what happened between the hosts that it is about, and right before it.
  std::string story_of(const TracePacket& packet) const {
    constexpr std::string_view kFallbacks[] = {"allow", "deny", "groups"};
    std::ostringstream out;
    const classifier::PolicySource& source = source_[packet.tenant];
    out << "packet: " << differential::describe(packet) << "\nrules of tenant " << packet.tenant
        << ", default " << kFallbacks[static_cast<std::size_t>(fallback_[packet.tenant])] << ":\n";
    for (const auto& rule : source.rules) out << "  " << describe(rule) << '\n';
    for (const auto& agent : source.agents) out << "  agent " << format(agent) << '\n';
    for (std::size_t i = 1; i < source.identities.size(); ++i) {
      out << "  identity " << i << ':';
      for (const auto& group : source.identities[i].groups) out << ' ' << group;
      for (const auto& [key, value] : source.identities[i].labels)
        out << ' ' << key << '=' << value;
      out << '\n';
    }
    out << "history, and what the model says (newest last):\n";
    std::deque<std::string> lines;
    for (const Event& event : history_) {
      const TracePacket& other = event.packet;
      const bool is_related = is_between_same(other.flow, packet.flow) ||
                              (packet.quoted && is_between_same(other.flow, *packet.quoted)) ||
                              other.number + kMaxBurst >= packet.number;
      if (other.tenant != packet.tenant || !is_related) continue;
      lines.push_back("  " + differential::describe(other) + describe(event.fate));
      if (lines.size() > 100) lines.pop_front();
    }
    for (const std::string& line : lines) out << line << '\n';
    return out.str();
  }

  struct Event {
    TracePacket packet;
    Fate fate;
  };

  std::mt19937 policy_random_;
  std::mt19937_64 random_;
  Traffic traffic_;
  Model model_;
  Path cached_{2};
  Path uncached_{1};

  std::array<classifier::PolicySource, kTenants> source_;
  std::array<classifier::PolicyDefault, kTenants> fallback_{};
  std::array<std::uint64_t, kDropReasonCount> drops_{};  // of the model
  // Epoch of the uncached path at the first fragment of each datagram.
  std::array<std::map<std::pair<IpAddress, std::uint16_t>, std::uint32_t>, kTenants>
      first_fragments_;
  std::uint32_t next_epoch_ = 1000;
  std::deque<Event> history_;
  std::uint64_t seen_{};
  std::uint64_t changes_{};
  std::uint64_t delivered_{};
};

struct Arguments {
  std::uint64_t packets = 300'000;
  std::uint64_t seed = std::random_device{}();
};

std::optional<Arguments> parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    if (i + 1 == count || (name != "--packets" && name != "--seed")) return std::nullopt;
    const std::string_view text = words[i + 1];
    std::uint64_t& value = name == "--packets" ? arguments.packets : arguments.seed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  }
  return arguments;
}

}  // namespace
}  // namespace weft::differential

int main(int argc, char** argv) {
  const auto arguments = weft::differential::parse(argc, argv);
  if (!arguments) {
    std::cerr << "usage: differential [--packets N] [--seed S]\n";
    return 2;
  }
  std::cout << "differential --packets " << arguments->packets << " --seed " << arguments->seed
            << std::endl;
  weft::differential::Differential differential{arguments->seed};
  if (const auto difference = differential.run(arguments->packets)) {
    std::cout << "DIFFERENCE\n" << *difference << differential.summary() << '\n';
    return 1;
  }
  std::cout << "no difference: " << differential.summary() << '\n';
  return 0;
}
