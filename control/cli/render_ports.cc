// Ports as testpmd shows them: its banners, its labels, its order.
#include <algorithm>

#include "control/cli/render.h"

namespace weft::cli {

namespace {

using Json = nlohmann::json;

constexpr Align kRight = Align::right;

std::string banner(char c, std::size_t count, const std::string& title) {
  const std::string stars(count, c);
  return stars + " " + title + "  " + stars + '\n';
}

std::string right(std::string_view label, const std::string& number) {
  constexpr std::size_t kLabel = 12;
  constexpr std::size_t kNumber = 20;  // as wide as the largest 64-bit count
  std::string text{label};
  text.resize(std::max(kLabel, text.size()), ' ');
  return text + std::string(kNumber - std::min(kNumber, number.size()), ' ') + number;
}

std::string speed(const Json& port) {
  const Json& mbps = port.is_object() && port.contains("speed_mbps") ? port["speed_mbps"] : Json();
  if (!mbps.is_number_unsigned() || mbps == 0U) return "unknown";
  const auto value = mbps.get<std::uint64_t>();
  return value % 1000 == 0 ? std::to_string(value / 1000) + " Gbps"
                           : std::to_string(value) + " Mbps";
}

std::uint64_t sum_of_drops(const Json& port) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : object_at(port, "drops").items()) {
    if (count.is_number_unsigned()) sum += count.get<std::uint64_t>();
  }
  return sum;
}

std::string items_on_lines(std::string_view label, const Json& items) {
  std::string text;
  for (const Json& item : items) text += std::string{label} + ": " + text_of(item) + '\n';
  return text;
}

}  // namespace

std::string render_port_info(const Json& answer, const View& /*view*/) {
  std::string text;
  for (const Json& port : list_at(answer, "ports")) {
    text += '\n' + banner('*', 21, "Infos for port " + text_at(port, "port"));
    text += "Name: " + text_at(port, "name") + '\n';
    text += "Role: " + text_at(port, "role") + " (" + text_at(port, "kind") + ")\n";
    if (text_at(port, "endpoint") != "-") text += "Endpoint: " + text_at(port, "endpoint") + '\n';
    text += "MAC address: " + text_at(port, "mac") + '\n';
    text += "Device name: " + text_at(port, "device") + '\n';
    text += "Driver name: " + text_at(port, "driver") + '\n';
    text += "Link status: " + text_at(port, "link") + '\n';
    text += "Link speed: " + speed(port) + '\n';
    text += "MTU: " + text_at(port, "mtu") + '\n';
    text += "RX queues: " + text_at(port, "rx_queues") + '\n';
    text += "TX queues: " + text_at(port, "tx_queues") + '\n';
    if (text_at(port, "owner_worker") != "-") {
      text += "Owner worker: " + text_at(port, "owner_worker") + '\n';
    }
    text += items_on_lines("Address", list_at(port, "addresses"));
    text += items_on_lines("Uses", list_at(port, "uses"));
    text += items_on_lines("Falls back", list_at(port, "falls_back"));
  }
  return text.empty() ? "no ports\n" : text;
}

std::string render_port_stats(const Json& answer, const View& /*view*/) {
  std::string text;
  for (const Json& port : list_at(answer, "ports")) {
    const Json& counters = object_at(port, "counters");
    text += "\n  " + banner('#', 24, "NIC statistics for port " + text_at(port, "port"));
    text += "  Name: " + text_at(port, "name") + '\n';
    text += "  " + right("RX-packets:", text_at(counters, "rx_packets")) + "  " +
            right("RX-bytes:", text_at(counters, "rx_octets")) + '\n';
    text += "  " + right("TX-packets:", text_at(counters, "tx_packets")) + "  " +
            right("TX-bytes:", text_at(counters, "tx_octets")) + '\n';
    text += "  " + right("Dropped:", std::to_string(sum_of_drops(port))) + '\n';
    for (const auto& [reason, count] : object_at(port, "drops").items()) {
      text += "    " + printable(reason) + ": " + text_of(count) + '\n';
    }
    for (const auto& [loss, count] : object_at(port, "device_losses").items()) {
      if (count.is_number_unsigned() && count != 0U) {
        text += "    lost by the device, " + printable(loss) + ": " + text_of(count) + '\n';
      }
    }
    text += "  " + std::string(76, '#') + '\n';
  }
  return text.empty() ? "no ports\n" : text;
}

std::string render_port_summary(const Json& answer, const View& view) {
  const Json& ports = list_at(answer, "ports");
  return "Number of available ports: " + std::to_string(ports.size()) + '\n' +
         table_of(
             ports,
             {{"port", {"Port", kRight}},
              {"mac", {"MAC address"}},
              {"name", {"Name"}},
              {"role", {"Role"}},
              {"driver", {"Driver"}},
              {"mtu", {"MTU", kRight}},
              {"link", {"Link"}}}
         ).format(view.width);
}

std::string render_config_fwd(const Json& answer, const View& view) {
  const Json& ports = list_at(answer, "ports");
  const Json& workers = list_at(answer, "workers");
  std::string text = "vswitch packet forwarding - ports=" + std::to_string(ports.size()) +
                     " - cores=" + std::to_string(workers.size()) + "\n";
  if (answer.is_object() && answer.contains("forwarding")) {
    text += answer["forwarding"] == true ? "forwarding is on\n" : "forwarding is stopped\n";
  }
  text += '\n';
  for (const Json& worker : workers) {
    const std::string number = text_at(worker, "worker");
    std::vector<std::string> owned;
    for (const Json& port : ports) {
      // An uplink has a queue on every worker; a container's port has one owner.
      const std::string owner = text_at(port, "owner_worker");
      if (owner != "-" && owner != number) continue;
      owned.push_back("P=" + text_at(port, "port") + "/" + text_at(port, "name"));
    }
    text += "Logical Core " + text_at(worker, "core") + " (worker " + number + ") polls " +
            std::to_string(owned.size()) + " ports:\n";
    for (const std::string& line : wrap(owned, view.width - 2)) text += "  " + line + '\n';
  }
  return text;
}

std::string render_config_rxtx(const Json& answer, const View& view) {
  std::string text;
  for (const Json& port : list_at(answer, "ports")) {
    text += "Port " + text_at(port, "port") + " (" + text_at(port, "name") + "): RX queues " +
            text_at(port, "rx_queues") + ", TX queues " + text_at(port, "tx_queues") + ", MTU " +
            text_at(port, "mtu") + '\n';
    for (const std::string_view key : {"uses", "falls_back"}) {
      for (const Json& item : list_at(port, key)) {
        const std::string label = key == "uses" ? "  uses " : "  falls back: ";
        std::string indent = label;
        for (const std::string& line :
             wrap(split_words(text_of(item)), view.width - label.size())) {
          text += indent + line + '\n';
          indent.assign(label.size(), ' ');
        }
      }
    }
  }
  return text.empty() ? "no ports\n" : text;
}

}  // namespace weft::cli
