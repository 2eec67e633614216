// ADD: lock, lease, attach, answer; and everything taken back when a step fails.

#include <algorithm>
#include <cstdint>

#include "control/connector/attach_request.h"
#include "control/connector/call.h"
#include "control/connector/departure.h"
#include "control/connector/key_lock.h"
#include "control/connector/result.h"
#include "control/connector/sandbox.h"
#include "control/connector/wish.h"

namespace weft::connector {
namespace {

/// What is kept of the time for taking things back.
std::chrono::milliseconds reserve_of(const Call& call) {
  constexpr auto kMost = std::chrono::milliseconds{5000};
  return std::min(std::chrono::milliseconds{call.basics.timeout} / 4, kMost);
}

class Add {
 public:
  Add(Call& call, const Network& network, const Wish& wish)
      : call_{call}, network_{network}, wish_{wish}, work_{call.deadline.less(reserve_of(call))} {}

  Outcome<Json> run() {
    auto lock = KeyLock::take(call_.keys_folder(), call_.attachment(), work_);
    if (!lock) return lock.error();
    if (!lock.value()) {
      return Problem{
          ProblemCode::try_again,
          name() + ": another operation on it is not done within the time of this one"};
    }
    if (Done ready = prepare(); !ready) return ready.error();
    Outcome<Json> result = make();
    if (!result) take_back();
    return result;
  }

 private:
  [[nodiscard]] std::string name() const { return call_.attachment().endpoint(); }

  [[nodiscard]] Done check_not_cancelled() const {
    if (!has_tombstone(call_.keys_folder(), call_.attachment(), call_.start)) return Ok{};
    return Problem{ProblemCode::cancelled, name() + ": a DEL came while this ADD was in progress"};
  }

  /// What earlier calls left behind goes first; then nothing may be there.
  Done prepare() {
    if (Done wanted = check_not_cancelled(); !wanted) return wanted;
    if (auto departure = call_.spool().find(call_.attachment())) {
      if (depart(call_, *std::move(departure), work_) != Departed::yes) {
        return Problem{
            ProblemCode::try_again, name() + ": its last attachment could not be taken away yet"};
      }
    }
    replay_spool(call_, call_.attachment());
    return check_free();
  }

  Done check_free() {
    constexpr int kNotFound = -32001;
    const cli::Answer answer = call_.daemon.call_surely("get", {{"endpoint", name()}}, work_);
    if (const auto* lost = std::get_if<cli::Unreachable>(&answer)) return problem_of(*lost);
    const auto* refusal = std::get_if<cli::Refusal>(&answer);
    if (refusal != nullptr && refusal->code == kNotFound) return Ok{};
    if (refusal != nullptr) return problem_of(*refusal);
    return Problem{
        ProblemCode::already_exists, name() + " is attached already: DEL comes before another ADD"};
  }

  Outcome<Json> make() {
    Outcome<Made> addresses = call_.ipam() ? lease() : take_wished();
    if (!addresses) return addresses.error();
    Made made = std::move(addresses.value());
    if (Done routed = complete_routes(made, network_, call_.environment.ifname); !routed) {
      return routed.error();
    }
    if (!wish_.dns.is_null()) made.dns = wish_.dns;
    if (Done wanted = check_not_cancelled(); !wanted) return wanted.error();
    if (Done attached = attach(made); !attached) return attached.error();
    if (Done wanted = check_not_cancelled(); !wanted) return wanted.error();
    return format_result(
        made, call_.basics.version, wish_.is_mesos, find_key(call_.config, "prevResult")
    );
  }

  Outcome<Made> lease() {
    IpamCall ipam = *call_.ipam();
    if (!wish_.addresses.empty() && !wish_.is_known_to_ipam) {
      ipam.config = with_wished_addresses(call_.config, wish_);
    }
    has_lease_ = true;  // whatever it answers: a plugin that was killed may have one
    Outcome<Made> leased = ipam_add(ipam, work_);
    if (!leased) return leased;
    if (Done exact = check_lease(wish_, leased.value()); !exact) return exact.error();
    Made made = std::move(leased.value());
    made.interfaces.clear();
    for (MadeAddress& address : made.addresses) address.interface = 0;
    return made;
  }

  Outcome<Made> take_wished() {
    if (wish_.addresses.empty()) {
      return Problem{
          ProblemCode::no_address,
          "no address for " + name() +
              ": the configuration has neither `ipam` nor `addresses`, and the "
              "runtime asks for none (capability ips, args.cni.ips, IP= in CNI_ARGS, "
              "ip_addresses)"};
    }
    std::vector<IpPrefix> subnets = network_.subnets;
    const bool is_complete = std::ranges::all_of(wish_.addresses, [](const WishedAddress& wished) {
      return wished.length.has_value();
    });
    if (!is_complete && subnets.empty()) {
      auto listed = subnets_of_segment();
      if (!listed) return listed.error();
      subnets = std::move(listed.value());
    }
    auto addresses = complete_addresses(wish_.addresses, subnets);
    if (!addresses) return addresses.error();
    Made made;
    made.addresses = std::move(addresses.value());
    // Nobody has addresses to choose from here; the daemon's own pools will.
    if (Done enough = check_lease(wish_, made); !enough) return enough.error();
    return made;
  }

  Outcome<std::vector<IpPrefix>> subnets_of_segment() {
    const Outcome<Json> answer = call_.daemon.ask("segment.list", Json::object(), work_);
    if (!answer) return answer.error();
    std::vector<IpPrefix> subnets;
    Reader reader{&answer.value(), "weftd"};
    for (const Json& segment : reader.list("segments")) {
      Reader inner{&segment, "segment"};
      if (inner.text("name") != network_.segment) continue;
      for (const std::string& text : inner.texts("subnets")) {
        if (const auto prefix = parse_prefix(text)) subnets.push_back(*prefix);
      }
    }
    return subnets;
  }

  Done attach(Made& made) {
    Json request = attach_request(call_, network_, wish_, made);
    // What can not be in force in time is undone by the daemon: nobody would know of it.
    request["deadline_ms"] = std::max<std::int64_t>(work_.left().count(), 1);
    cli::Answer answer = call_.daemon.call_surely("endpoint.attach", request, work_);
    if (const auto* lost = std::get_if<cli::Unreachable>(&answer)) {
      is_attached_ = lost->may_have_arrived;
      return problem_of(*lost);
    }
    if (const auto* refusal = std::get_if<cli::Refusal>(&answer)) return problem_of(*refusal);
    is_attached_ = true;
    Reader result{&std::get<Json>(answer), "weftd"};
    MadeInterface interface {
      call_.environment.ifname, result.text("mac").value_or(""), call_.environment.netns,
          static_cast<std::uint32_t>(result.number("mtu", 0, 0xFFFF).value_or(0))
    };
    made.interfaces.push_back(std::move(interface));
    return Ok{};
  }

  void take_back() {
    Departure departure = departure_of(call_);
    if (is_attached_) {
      depart(call_, std::move(departure), call_.deadline);
      return;
    }
    if (!has_lease_) return;
    const Done freed = ipam_del(*departure.ipam, call_.deadline);
    if (freed) return;
    note(name() + ": the lease is given back later: " + freed.error().message);
    if (const Done kept = call_.spool().put(departure); !kept) note(kept.error().message);
  }

  Call& call_;
  const Network& network_;
  const Wish& wish_;
  Deadline work_;  // what is left for taking back is behind it
  bool has_lease_{};
  bool is_attached_{};  // or may be
};

}  // namespace

Outcome<Json> run_add(Call& call) {
  const Outcome<Network> network = read_network(call.config, call.basics);
  if (!network) return network.error();
  const Outcome<Wish> wish = read_wish(call.config, network.value(), call.environment);
  if (!wish) return wish.error();
  if (call.environment.container.size() > kMaxContainerName) {
    return Problem{
        ProblemCode::bad_environment,
        "CNI_CONTAINERID: " + std::to_string(call.environment.container.size()) +
            " octets are above the limit " + std::to_string(kMaxContainerName)};
  }
  Reader reader{&call.config, "config"};
  static_cast<void>(reader.object("prevResult"));
  if (reader.problem()) return *reader.problem();
  const Done netns = check_netns(call.environment.netns, call.environment.may_be_own_netns);
  if (!netns) return netns.error();
  return Add{call, network.value(), wish.value()}.run();
}

}  // namespace weft::connector
