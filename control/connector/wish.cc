#include "control/connector/wish.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace weft::connector {
namespace {

constexpr const char* kMesosArgs = "org.apache.mesos";
constexpr std::uint64_t kMaxRate = 1'600'000'000'000;               // bit/s, as the daemon
constexpr std::uint64_t kMaxBurst = (std::uint64_t{4} << 30U) * 8;  // bits: CNI's "less than 4 GB"

std::optional<WishedAddress> parse_wished(std::string_view text) {
  if (const auto prefix = parse_prefix(text)) return WishedAddress{prefix->address, prefix->length};
  if (const auto address = parse_ip(text)) return WishedAddress{*address, std::nullopt};
  return std::nullopt;
}

/// The objects that a runtime may put a wish into, each empty when it is absent.
struct Sources {
  Sources(const Json& config)  // NOLINT(google-explicit-constructor)
      : whole{&config, "config"},
        runtime{whole.object("runtimeConfig"), "runtimeConfig"},
        args{whole.object("args"), "args"},
        cni{args.object("cni"), "args.cni"},
        mesos{args.object(kMesosArgs), "args[\"org.apache.mesos\"]"},
        info{mesos.object("network_info"), "args[\"org.apache.mesos\"].network_info"} {}

  [[nodiscard]] std::optional<Problem> problem() const {
    for (const Reader* reader : {&whole, &runtime, &args, &cni, &mesos, &info}) {
      if (reader->problem()) return reader->problem();
    }
    return std::nullopt;
  }

  Reader whole;
  Reader runtime;
  Reader args;
  Reader cni;
  Reader mesos;
  Reader info;
};

void add_addresses(
    Wish& wish, Reader& reader, std::string_view key, const std::vector<std::string>& texts
) {
  for (const std::string& text : texts) {
    const auto address = parse_wished(text);
    if (!address) reader.refuse(key, in_quotes(text) + " is not an address");
    if (address) wish.addresses.push_back(*address);
  }
}

/// NetworkInfo.ip_addresses. The agent prints a protocol beside every explicit address, "IPv4" by
/// default: the address itself says what it is.
void read_mesos_addresses(Wish& wish, Reader& info) {
  std::vector<std::string> texts;
  for (const Json& element : info.list("ip_addresses")) {
    Reader inner{&element, info.path_of("ip_addresses")};
    const std::optional<std::string> address = inner.text("ip_address");
    const std::string protocol = inner.text("protocol").value_or("IPv4");
    if (protocol != "IPv4" && protocol != "IPv6") {
      inner.refuse("protocol", in_quotes(protocol) + " is neither IPv4 nor IPv6");
    }
    info.adopt(inner);
    if (address) {
      texts.push_back(*address);
    } else {
      wish.families.push_back(protocol == "IPv6" ? IpFamily::v6 : IpFamily::v4);
    }
  }
  if (wish.addresses.empty()) add_addresses(wish, info, "ip_addresses", texts);
}

void read_addresses(Wish& wish, Sources& from, const Args& args, const Network& network) {
  add_addresses(wish, from.runtime, "ips", from.runtime.texts("ips"));
  if (wish.addresses.empty()) add_addresses(wish, from.cni, "ips", from.cni.text_or_texts("ips"));
  wish.is_known_to_ipam = !wish.addresses.empty();
  read_mesos_addresses(wish, from.info);
  const auto found = args.find("IP");
  if (wish.addresses.empty() && found != args.end()) {
    Reader variable{nullptr, "CNI_ARGS"};
    add_addresses(wish, variable, "IP", {found->second});
    wish.is_known_to_ipam = true;
    from.whole.adopt(variable);
  }
  if (!wish.addresses.empty()) return;
  for (const IpPrefix& prefix : network.addresses) {
    wish.addresses.push_back({prefix.address, prefix.length});
  }
}

void read_mac(Wish& wish, Sources& from, const Args& args) {
  const auto parse = [&wish](Reader& reader, std::string_view key, const std::string& text) {
    if (wish.mac || text.empty()) return;
    wish.mac = parse_mac(text);
    if (!wish.mac) reader.refuse(key, in_quotes(text) + " is not a MAC address");
  };
  parse(from.runtime, "mac", from.runtime.text("mac").value_or(""));
  parse(from.cni, "mac", from.cni.text("mac").value_or(""));
  const auto found = args.find("MAC");
  if (found == args.end()) return;
  Reader variable{nullptr, "CNI_ARGS"};
  parse(variable, "MAC", found->second);
  from.whole.adopt(variable);
}

/// A rate and its burst; bits become octets.
std::pair<std::uint64_t, std::uint64_t> read_rate(
    Reader& reader, std::string_view rate_key, std::string_view burst_key
) {
  const std::uint64_t rate = reader.number(rate_key, 0, kMaxRate).value_or(0);
  const std::uint64_t burst = reader.number(burst_key, 0, kMaxBurst).value_or(0);
  if (burst != 0 && rate == 0) {
    reader.refuse(burst_key, std::to_string(burst) + ": there is no rate that it belongs to");
  }
  // The smallest burst that the daemon can have is an octet.
  return {rate, burst == 0 ? 0 : std::max<std::uint64_t>(burst / 8, 1)};
}

void read_bandwidth(Wish& wish, Sources& from) {
  Reader reader{from.runtime.object("bandwidth"), "runtimeConfig.bandwidth"};
  Bandwidth& bandwidth = wish.bandwidth;
  std::tie(bandwidth.egress_rate, bandwidth.egress_burst) =
      read_rate(reader, "egressRate", "egressBurst");
  std::tie(bandwidth.ingress_rate, bandwidth.ingress_burst) =
      read_rate(reader, "ingressRate", "ingressBurst");
  from.runtime.adopt(reader);
}

void refuse_port_mappings(Reader& reader, std::string_view key) {
  const Json& mappings = reader.list(key);
  if (mappings.empty()) return;
  reader.refuse(
      key, mappings.dump() + ": Weft maps no ports of the host yet", ProblemCode::unsupported_field
  );
}

void read_identity(Wish& wish, Sources& from, const Network& network) {
  wish.groups = network.groups;
  for (std::string& group : from.info.texts("groups")) {
    if (std::ranges::find(wish.groups, group) == wish.groups.end()) {
      wish.groups.push_back(std::move(group));
    }
  }
  wish.labels = network.labels;
  // NetworkInfo.labels is a message with a list of the same name in it.
  Reader labels{from.info.object("labels"), from.info.path_of("labels")};
  for (auto* source : {&from.cni, &labels}) {
    for (auto& [key, value] : source->labels("labels")) {
      if (key.starts_with(kOwnLabels)) {
        source->refuse(
            "labels", in_quotes(key) + ": labels that begin with \"weft.\" are Weft's own"
        );
      }
      wish.labels.try_emplace(key, value);
    }
  }
  from.info.adopt(labels);
}

/// The conventions have it that who sends keys we do not know says so.
std::optional<Problem> check_args(const Args& args) {
  const auto ignore = args.find("IgnoreUnknown");
  if (ignore != args.end() && (ignore->second == "1" || ignore->second == "true")) {
    return std::nullopt;
  }
  constexpr std::array<std::string_view, 3> kKnown{"IP", "MAC", "IgnoreUnknown"};
  for (const auto& [key, value] : args) {
    if (std::ranges::find(kKnown, key) != kKnown.end()) continue;
    return Problem{
        ProblemCode::bad_environment,
        "CNI_ARGS: " + in_quotes(key) + " is not known, and IgnoreUnknown=1 is not set"};
  }
  return std::nullopt;
}

}  // namespace

Outcome<Wish> read_wish(
    const Json& config, const Network& network, const Environment& environment
) {
  const Outcome<Args> args = parse_args(environment.args);
  if (!args) return args.error();
  if (auto problem = check_args(args.value())) return *problem;
  Sources from{config};
  Wish wish;
  wish.is_mesos = is_mesos(config);
  read_addresses(wish, from, args.value(), network);
  read_mac(wish, from, args.value());
  read_bandwidth(wish, from);
  read_identity(wish, from, network);
  refuse_port_mappings(from.runtime, "portMappings");
  refuse_port_mappings(from.info, "port_mappings");
  Reader dns{from.runtime.object("dns"), "runtimeConfig.dns"};
  wish.dns = read_dns(dns, "servers", "searches");
  from.runtime.adopt(dns);
  if (wish.dns.is_null()) wish.dns = network.dns;
  if (auto problem = from.problem()) return *problem;
  return wish;
}

bool is_mesos(const Json& config) {
  const Json* args = find_key(config, "args");
  return args != nullptr && find_key(*args, kMesosArgs) != nullptr;
}

}  // namespace weft::connector
