#include "control/params_qos.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "classifier/qos.h"

namespace weft::control {
namespace {

using classifier::MeterAction;
using classifier::MeterKind;
using classifier::Phb;

// -- rates ---------------------------------------------------------------------------------------

struct RateUnit {
  std::string_view suffix;
  double bits;
};
/// Longer suffixes before those that they end with.
constexpr std::array kRateUnits{
    RateUnit{"kbit/s", 1e3},
    RateUnit{"Mbit/s", 1e6},
    RateUnit{"Gbit/s", 1e9},
    RateUnit{"Tbit/s", 1e12},
    RateUnit{"bit/s", 1},
};

void refuse_above(Fields& fields, const char* name, const Json& value, std::uint64_t limit) {
  fields.refuse(name, shown(value) + " is above the limit " + std::to_string(limit));
}

/// Absent: the fallback. A rate that is given is never 0 unless `may_be_zero`.
BitRate read_rate(Fields& fields, const char* name, BitRate fallback, bool may_be_zero) {
  const Json* json = fields.find(name);
  if (json == nullptr) return fallback;
  BitRate rate{};
  if (json->is_string()) {
    const auto parsed = parse_rate(json->get_ref<const std::string&>());
    if (!parsed.has_value()) {
      fields.refuse(
          name, shown(*json) + " is neither bits per second nor a rate like \"200Mbit/s\""
      );
      return fallback;
    }
    rate = *parsed;
  } else {
    rate = fields.number<BitRate>(name, 0, 0, kMaxRate);
  }
  if (rate == 0 && may_be_zero) return 0;
  if (rate < kMinRate) {
    fields.refuse(
        name, shown(*json) + " is below the limit " + std::to_string(kMinRate) + " bit/s"
    );
  } else if (rate > kMaxRate) {
    refuse_above(fields, name, *json, kMaxRate);
  }
  return rate;
}

std::uint64_t read_burst(Fields& fields, const char* name, std::uint64_t fallback) {
  return fields.number_or_zero<std::uint64_t>(name, fallback, kMinBurst, kMaxBurst);
}

// -- words ---------------------------------------------------------------------------------------

MeterAction read_action(Fields& fields, const char* name, MeterAction fallback) {
  const Json* json = fields.find(name);
  if (json == nullptr) return fallback;
  if (*json == "pass") return {};
  if (*json == "drop") return {MeterAction::Kind::drop, 0};
  if (json->is_string() && !classifier::parse_dscp(json->get_ref<const std::string&>())) {
    fields.refuse(name, shown(*json) + " is neither pass nor drop nor a class like \"AF42\"");
    return fallback;
  }
  return {MeterAction::Kind::remark, read_dscp(fields, name).value_or(0)};
}

Json action_json(const MeterAction& action) {
  switch (action.kind) {
    case MeterAction::Kind::pass:
      return "pass";
    case MeterAction::Kind::drop:
      return "drop";
    case MeterAction::Kind::remark:
      return classifier::format_dscp(action.dscp);
  }
  return {};
}

/// A class that may have a budget: EF, NC, AF4 to AF1.
std::optional<Phb> read_scarce(Fields& fields, const char* name) {
  const std::string given = fields.required_text(name);
  if (!fields.is_ok()) return std::nullopt;
  const auto phb = classifier::parse_phb(given);
  if (phb.has_value() && may_be_scarce(*phb)) return phb;
  fields.refuse(name, in_quotes(given) + " is none of EF, NC, AF4, AF3, AF2, AF1");
  return std::nullopt;
}

std::vector<QosContract> read_contracts(Fields& outer) {
  std::vector<QosContract> contracts;
  outer.for_each("contracts", [&](const Json& element, const std::string& path) {
    if (!outer.is_ok()) return;
    Fields fields{element, "endpoint", path};
    QosContract contract;
    contract.phb = read_scarce(fields, "class").value_or(Phb{});
    if (fields.is_ok() && !fields.has("rate")) fields.refuse("rate", "is required");
    contract.rate = read_rate(fields, "rate", 0, false);
    contract.burst = read_burst(fields, "burst", 0);
    if (fields.is_ok() && std::ranges::count(contracts, contract.phb, &QosContract::phb) > 0) {
      fields.refuse("class", in_quotes(classifier::name(contract.phb)) + " is listed twice");
    }
    outer.adopt(fields.finish());
    contracts.push_back(contract);
  });
  return contracts;
}

}  // namespace

BitRate read_quota_rate(Fields& fields, const char* name) {
  return read_rate(fields, name, 0, true);
}

std::optional<BitRate> parse_rate(std::string_view text) noexcept {
  const auto* unit = std::ranges::find_if(kRateUnits, [&](const RateUnit& candidate) {
    return text.ends_with(candidate.suffix);
  });
  const double bits = unit == kRateUnits.end() ? 1 : unit->bits;
  if (unit != kRateUnits.end()) text.remove_suffix(unit->suffix.size());
  while (text.ends_with(' ')) text.remove_suffix(1);
  double value{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  constexpr double kBeyondAll = 1e15;
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  // What is not nothing must not become nothing.
  const bool vanishes = value * bits < 0.5 && (value != 0 || std::signbit(value));
  if (!is_whole || !(value >= 0) || vanishes || value * bits > kBeyondAll) return std::nullopt;
  return static_cast<BitRate>(std::llround(value * bits));
}

std::optional<std::uint8_t> read_dscp(Fields& fields, const char* name) {
  const Json* json = fields.find(name);
  if (json == nullptr) return std::nullopt;
  if (json->is_number()) return fields.number<std::uint8_t>(name, 0, 0, classifier::kDscpMax);
  const auto dscp = json->is_string() ? classifier::parse_dscp(json->get_ref<const std::string&>())
                                      : std::optional<std::uint8_t>{};
  if (!dscp.has_value()) {
    fields.refuse(
        name, shown(*json) + " is no class: EF, AF11 to AF43, CS0 to CS7, BE, LE or 0-63"
    );
  }
  return dscp;
}

// -- meters --------------------------------------------------------------------------------------

Outcome<MeterAddition> parse_meter_addition(const Json& json) {
  Fields fields{json, "meter"};
  MeterAddition addition;
  MeterConfig& meter = addition.meter;
  addition.tenant = fields.required_name("tenant");
  meter.name = fields.required_name("name");
  meter.kind =
      fields.word("kind", MeterKind::srtcm, classifier::parse_meter_kind, "srtcm, trtcm, rfc4115");
  meter.is_colour_aware = fields.flag("colour_aware", false);
  for (const char* name : {"cir", "cbs"}) {
    if (fields.is_ok() && !fields.has(name)) fields.refuse(name, "is required");
  }
  meter.cir = read_rate(fields, "cir", 0, false);
  meter.cbs = fields.number<std::uint64_t>("cbs", 0, kMinBurst, kMaxBurst);
  // RFC 2697 has one rate; the second rate and the second burst have their RFC's name.
  const char* peak = meter.kind == MeterKind::trtcm ? "pir" : "eir";
  const char* excess = meter.kind == MeterKind::trtcm ? "pbs" : "ebs";
  if (meter.kind != MeterKind::srtcm) {
    for (const char* name : {peak, excess}) {
      if (fields.is_ok() && !fields.has(name)) fields.refuse(name, "is required");
    }
    meter.peak = read_rate(fields, peak, 0, false);
  }
  meter.excess = read_burst(fields, excess, 0);
  if (fields.is_ok() && meter.kind == MeterKind::trtcm && meter.peak < meter.cir) {
    fields.refuse(
        "pir",
        std::to_string(meter.peak) + " bit/s is below cir, " + std::to_string(meter.cir) + " bit/s"
    );
  }
  meter.yellow = read_action(fields, "yellow", {});
  meter.red = read_action(fields, "red", {MeterAction::Kind::drop, 0});
  if (auto failure = fields.finish()) return *failure;
  if (const auto problem = classifier::problem_of(in_octets(meter), 0)) {
    return refused(ErrorCode::bad_parameter, "meter " + meter.name + ": " + *problem);
  }
  return addition;
}

Json to_json(const MeterConfig& config) {
  Json json{
      {"name", config.name},
      {"kind", classifier::name(config.kind)},
      {"colour_aware", config.is_colour_aware},
      {"cir", config.cir},
      {"cbs", config.cbs},
  };
  const bool is_trtcm = config.kind == MeterKind::trtcm;
  if (config.kind != MeterKind::srtcm) json[is_trtcm ? "pir" : "eir"] = config.peak;
  json[is_trtcm ? "pbs" : "ebs"] = config.excess;
  json["yellow"] = action_json(config.yellow);
  json["red"] = action_json(config.red);
  return json;
}

// -- endpoints -----------------------------------------------------------------------------------

ConnectionLimits read_limits(Fields& outer, const ConnectionLimits& current) {
  constexpr std::uint32_t kMost = 100'000'000;
  const Json* json = outer.find("limits");
  if (json == nullptr) return current;
  Fields fields{*json, "endpoint", "limits"};
  ConnectionLimits limits;
  limits.live = fields.number<std::uint32_t>("connections", current.live, 0, kMost);
  limits.new_per_second =
      fields.number<std::uint32_t>("new_connections_per_s", current.new_per_second, 0, kMost);
  outer.adopt(fields.finish());
  return limits;
}

Json to_json(const ConnectionLimits& limits) {
  return Json{{"connections", limits.live}, {"new_connections_per_s", limits.new_per_second}};
}

EndpointQosConfig read_endpoint_qos(Fields& outer, const EndpointQosConfig& current) {
  const Json* json = outer.find("qos");
  if (json == nullptr) return current;
  Fields fields{*json, "endpoint", "qos"};
  EndpointQosConfig qos = current;
  if (const Json* source = fields.find("class")) {
    qos.dscp = 0;
    qos.source = *source == "pcp" ? ClassSource::pcp : ClassSource::trust;
    if (*source != "pcp" && *source != "trust") {
      qos.source = ClassSource::fixed;
      qos.dscp = read_dscp(fields, "class").value_or(0);
    }
  }
  // A rate that is taken away takes its burst along.
  qos.rate = read_rate(fields, "rate", qos.rate, true);
  qos.burst = read_burst(fields, "burst", qos.rate == 0 ? 0 : qos.burst);
  qos.rate_in = read_rate(fields, "rate_in", qos.rate_in, true);
  qos.burst_in = read_burst(fields, "burst_in", qos.rate_in == 0 ? 0 : qos.burst_in);
  if (qos.burst != 0 && qos.rate == 0)
    fields.refuse("burst", "there is no rate that it belongs to");
  if (qos.burst_in != 0 && qos.rate_in == 0) {
    fields.refuse("burst_in", "there is no rate_in that it belongs to");
  }
  if (fields.has("contracts")) qos.contracts = read_contracts(fields);
  outer.adopt(fields.finish());
  return qos;
}

Json to_json(const EndpointQosConfig& config) {
  Json json = Json::object();
  switch (config.source) {
    case ClassSource::trust:
      json["class"] = "trust";
      break;
    case ClassSource::pcp:
      json["class"] = "pcp";
      break;
    case ClassSource::fixed:
      json["class"] = classifier::format_dscp(config.dscp);
      break;
  }
  json["rate"] = config.rate;
  json["burst"] = config.burst;
  json["rate_in"] = config.rate_in;
  json["burst_in"] = config.burst_in;
  json["contracts"] = Json::array();
  for (const QosContract& contract : config.contracts) {
    json["contracts"].push_back(
        {{"class", classifier::name(contract.phb)},
         {"rate", contract.rate},
         {"burst", contract.burst}}
    );
  }
  return json;
}

// -- the node ------------------------------------------------------------------------------------

Outcome<BudgetChange> parse_budget_change(const Json& json) {
  Fields fields{json, "budget"};
  BudgetChange change;
  change.phb = read_scarce(fields, "class").value_or(Phb{});
  if (fields.is_ok() && !fields.has("rate")) fields.refuse("rate", "is required");
  const Json* rate = fields.find("rate");
  if (rate != nullptr && !rate->is_null()) change.rate = read_rate(fields, "rate", 0, true);
  if (auto failure = fields.finish()) return *failure;
  return change;
}

Outcome<PortQosChange> parse_port_qos(
    const Json& json, const std::optional<PortQosConfig>& current
) {
  constexpr std::uint16_t kMaxWeight = 100;
  Fields fields{json, "scheduler"};
  PortQosChange change;
  change.port = fields.required_name("port");
  const bool is_wanted = fields.flag("scheduler", true);
  PortQosConfig qos = current.value_or(PortQosConfig{});
  qos.rate = read_rate(fields, "rate", qos.rate, true);
  qos.burst = read_burst(fields, "burst", qos.burst);
  qos.ef_share_percent =
      fields.number<std::uint8_t>("ef_share_percent", qos.ef_share_percent, 1, 100);
  if (const Json* weights = fields.find("weights")) {
    Fields inner{*weights, "scheduler", "weights"};
    for (std::size_t i = 0; i < kWeightedPhbs.size(); ++i) {
      const std::string phb{classifier::name(kWeightedPhbs[i])};
      qos.weights[i] = inner.number<std::uint16_t>(phb.c_str(), qos.weights[i], 1, kMaxWeight);
    }
    fields.adopt(inner.finish());
  }
  if (qos.burst != 0 && qos.rate == 0) {
    fields.refuse("burst", "there is no rate that it belongs to");
  }
  if (is_wanted) change.qos = qos;
  if (auto failure = fields.finish()) return *failure;
  return change;
}

Json to_json(const PortQosConfig& config) {
  Json json{
      {"rate", config.rate},
      {"burst", config.burst},
      {"ef_share_percent", config.ef_share_percent},
      {"weights", Json::object()},
  };
  for (std::size_t i = 0; i < kWeightedPhbs.size(); ++i) {
    json["weights"][std::string{classifier::name(kWeightedPhbs[i])}] = config.weights[i];
  }
  return json;
}

Outcome<TenantChange> parse_tenant_change(const Json& json) {
  Fields fields{json, "tenant"};
  TenantChange change;
  change.name = fields.required_name("name");
  if (fields.is_ok() && !fields.has("meter")) fields.refuse("meter", "is required");
  const Json* meter = fields.find("meter");
  if (meter != nullptr && !meter->is_null()) change.meter = fields.required_name("meter");
  if (auto failure = fields.finish()) return *failure;
  return change;
}

}  // namespace weft::control
