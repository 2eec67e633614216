// Policy rules, flows, L7 classes, meters, budgets and egress queues.
#include <algorithm>
#include <array>
#include <cstdint>

#include "control/cli/render.h"
#include "control/cli/selector.h"

namespace weft::cli {

namespace {

using Json = nlohmann::json;

constexpr Align kRight = Align::right;

/// Bits per second with the largest unit that keeps them whole: "200 Mbit/s".
std::string rate_text(const Json& rate) {
  static constexpr std::array<const char*, 5> kUnits{
      " bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s"};
  constexpr std::uint64_t kStep = 1000;
  if (!rate.is_number_unsigned()) return text_of(rate);
  auto value = rate.get<std::uint64_t>();
  std::size_t unit = 0;
  while (value != 0 && value % kStep == 0 && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  return std::to_string(value) + kUnits[unit];
}

std::string rate_at(const Json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? "-" : rate_text(*found);
}

/// "tcp 8080", "icmp type 8", "any".
std::string service_text(const Json& rule) {
  std::string text = text_at(rule, "protocol");
  if (rule.contains("ports")) text += " " + text_at(rule, "ports");
  if (rule.contains("icmp_type")) text += " type " + text_at(rule, "icmp_type");
  if (rule.contains("l7")) text += " " + text_at(rule, "l7");
  return text;
}

std::string selector_at(const Json& rule, std::string_view key) {
  const auto found = rule.is_object() ? rule.find(key) : rule.end();
  return found == rule.end() ? "-" : format_selector(*found);
}

/// "allow", "deny receiver", "allow AF41 meter m".
std::string verdict_text(const Json& rule) {
  std::string text = text_at(rule, "action");
  if (rule.contains("class")) text += " " + text_at(rule, "class");
  if (rule.contains("meter")) text += " meter " + text_at(rule, "meter");
  if (const std::string ends = text_at(rule, "ends"); ends != "both") text += " at " + ends;
  if (text_at(rule, "stateful") == "no") text += " stateless";
  return text;
}

std::string address_text(const Json& flow, std::string_view address, std::string_view port) {
  std::string text = text_at(flow, address);
  if (text == "-") return text;
  text += text.find(':') == std::string::npos ? ":" : " ";
  return text + text_at(flow, port);
}

std::uint64_t priority_of(const Json& rule) {
  const auto found = rule.is_object() ? rule.find("priority") : rule.end();
  return found != rule.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string packets_of(const Json& meter, std::string_view colour) {
  return text_at(object_at(meter, colour), "packets");
}

}  // namespace

std::string render_policy(const Json& answer, const View& view) {
  const Json& rules = list_at(answer, "rules");
  std::string text = "no policy rules\n";
  if (!rules.empty()) {
    Table table{
        {{"Tenant"},
         {"Prio", kRight},
         {"Rule"},
         {"From"},
         {"To"},
         {"Service"},
         {"Connections", kRight},
         {"Packets", kRight},
         {"Verdict"}}};
    std::vector<const Json*> sorted;
    for (const Json& rule : rules) sorted.push_back(&rule);
    std::ranges::stable_sort(sorted, [](const Json* a, const Json* b) {
      const std::string left = text_at(*a, "tenant");
      const std::string right = text_at(*b, "tenant");
      return left != right ? left < right : priority_of(*a) > priority_of(*b);
    });
    for (const Json* rule : sorted) {
      const Json& hits = object_at(*rule, "hits");
      table.add(
          {text_at(*rule, "tenant"),
           text_at(*rule, "priority"),
           text_at(*rule, "name"),
           selector_at(*rule, "from"),
           selector_at(*rule, "to"),
           service_text(*rule),
           text_at(hits, "connections"),
           text_at(hits, "packets"),
           verdict_text(*rule)}
      );
    }
    text = table.format(view.width);
  }
  const Json& groups = list_at(answer, "groups");
  if (groups.empty()) return text;
  const Table members = table_of(
      groups, {{"tenant", {"Tenant"}}, {"group", {"Group"}}, {"members", {"Members", kRight}}}
  );
  return text + '\n' + members.format(view.width);
}

std::string render_flows(const Json& answer, const View& view) {
  const Json& flows = list_at(answer, "flows");
  if (flows.empty()) return "no flows\n";
  Table table{
      {{"Endpoint"},
       {"Proto"},
       {"Opened by"},
       {"To"},
       {"State"},
       {"Idle s", kRight},
       {"Packets", kRight},
       {"Class"},
       {"L7"},
       {"Rule"}}};
  for (const Json& flow : flows) {
    table.add(
        {text_at(flow, "endpoint"),
         text_at(flow, flow.contains("protocol") ? "protocol" : "ether_type"),
         address_text(flow, "opener", "opener_port"),
         address_text(flow, "responder", "responder_port"),
         text_at(flow, "state"),
         text_at(flow, "idle_s"),
         text_at(flow, "packets"),
         text_at(flow, "class"),
         text_at(flow, "l7"),
         text_at(flow, "rule")}
    );
  }
  return table.format(view.width);
}

std::string render_l7(const Json& answer, const View& view) {
  const Json& classes = list_at(answer, "classes");
  if (classes.empty()) return "no L7 classes\n";
  Table table{{{"Tenant"}, {"Class"}, {"Rules", kRight}, {"Patterns"}}};
  for (const Json& l7 : classes) {
    std::string patterns;
    for (const Json& pattern : list_at(l7, "patterns")) {
      const bool is_regex = pattern.is_object() && pattern.contains("regex");
      const std::string regex = is_regex ? "/" + text_at(pattern, "regex") + "/" : std::string{};
      const std::string builtin =
          pattern.is_object() ? text_at(pattern, "builtin") : text_of(pattern);
      patterns += (patterns.empty() ? "" : " ") + (is_regex ? regex : builtin);
    }
    table.add({text_at(l7, "tenant"), text_at(l7, "name"), text_at(l7, "rules"), patterns});
  }
  return table.format(view.width);
}

std::string render_meters(const Json& answer, const View& view) {
  const Json& meters = list_at(answer, "meters");
  const Json& endpoints = list_at(answer, "endpoints");
  if (meters.empty() && endpoints.empty()) return "no meters\n";
  Table table{
      {{"Meter"},
       {"ID", kRight},
       {"Kind"},
       {"Rate"},
       {"Green", kRight},
       {"Yellow", kRight},
       {"Red", kRight},
       {"Used by"}}};
  for (const Json& meter : meters) {
    table.add(
        {text_at(meter, "tenant") + " " + text_at(meter, "name"),
         text_at(meter, "mtr_id"),
         text_at(meter, "kind"),
         rate_at(meter, "cir"),
         packets_of(meter, "green"),
         packets_of(meter, "yellow"),
         packets_of(meter, "red"),
         text_at(meter, "used_by")}
    );
  }
  for (const Json& meter : endpoints) {
    const std::string limits = text_at(meter, "limits");
    table.add(
        {text_at(meter, "endpoint"),
         "",
         limits == "all" ? "policer" : "contract",
         rate_at(meter, "rate"),
         packets_of(meter, "green"),
         packets_of(meter, "yellow"),
         packets_of(meter, "red"),
         limits == "all" ? "all that it sends" : "class " + limits}
    );
  }
  return table.format(view.width);
}

std::string render_budgets(const Json& answer, const View& view) {
  Table table{{{"Class"}, {"Budget", kRight}, {"Admitted", kRight}, {"Left", kRight}}};
  for (const Json& budget : list_at(answer, "budgets")) {
    const bool is_scarce = text_at(budget, "budget") != "-";
    table.add(
        {text_at(budget, "class"),
         is_scarce ? rate_at(budget, "budget") : "not scarce",
         rate_at(budget, "admitted"),
         rate_at(budget, "left")}
    );
  }
  return table.format(view.width);
}

std::string render_schedulers(const Json& answer, const View& view) {
  std::string text;
  for (const Json& port : list_at(answer, "ports")) {
    if (!text.empty()) text += '\n';
    text += text_at(port, "port") + ": ";
    if (text_at(port, "scheduler") != "yes") {
      text += "no scheduler, first come first served\n";
      continue;
    }
    const std::string rate = text_at(port, "rate");
    text += rate == "0" || rate == "-" ? std::string{"no rate"} : rate_at(port, "rate");
    if (port.contains("ef_share_percent")) {
      text += ", EF at most " + text_at(port, "ef_share_percent") + " %, weights " +
              text_of(object_at(port, "weights"));
    }
    text += '\n';
    const Json& queues = list_at(port, "queues");
    if (queues.empty()) continue;
    text += table_of(
                queues,
                {{"class", {"Class"}},
                 {"packets", {"Packets", kRight}},
                 {"octets", {"Octets", kRight}},
                 {"length", {"Queued", kRight}},
                 {"dropped_full", {"Full", kRight}},
                 {"dropped_early", {"Early", kRight}},
                 {"marked", {"Marked", kRight}}}
    ).format(view.width);
  }
  return text.empty() ? "no ports\n" : text;
}

}  // namespace weft::cli
