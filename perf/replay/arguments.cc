#include "perf/replay/arguments.h"

#include <charconv>
#include <system_error>

#include "perf/replay/gate.h"

namespace weft::replay {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What is wrong with `key=value`; empty: nothing, and it is in `out`.
std::string read_pair(std::string_view key, std::string_view value, Arguments& out) {
  if (key == "pcap" || key == "gate") {
    (key == "pcap" ? out.pcap : out.gate) = value;
    return value.empty() ? "needs a file" : "";
  }
  if (key != "slots" && key != "restore") {
    return "is not known: use pcap=FILE, gate=FILE, slots=N, restore=64|128";
  }
  const auto number = parse_number(value);
  if (!number) return "needs a number";
  if (key == "slots") {
    out.slots = *number;
    return *number == 0 ? "needs a number above 0" : "";
  }
  out.restore = *number;
  return *number == 0 || *number == 64 || *number == 128 ? "" : "must be 0, 64 or 128";
}

}  // namespace

std::optional<Arguments> parse_arguments(std::string_view text, std::string& error) {
  Arguments arguments;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view pair = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    const std::string problem = read_pair(key, value, arguments);
    if (!problem.empty()) {
      error = "argument \"" + std::string{pair} + "\" " + problem;
      return std::nullopt;
    }
  }
  return arguments;
}

std::optional<unsigned> parse_index(std::string_view name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  const auto index = parse_number(last == std::string_view::npos ? name : name.substr(last + 1));
  if (!index || *index >= kGateDevices) return std::nullopt;
  return *index;
}

}  // namespace weft::replay
