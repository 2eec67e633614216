#include "classifier/l7_expand.h"

#include <bitset>
#include <optional>
#include <string>
#include <utility>

namespace weft::classifier {
namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string{text} + '"';
}

L7Failure set_failure(std::string reason) {
  return {"l7: " + std::move(reason)};
}

L7Failure class_failure(const L7Set& set, std::size_t index, std::string_view reason) {
  return {
      "l7 class " + quoted(set.classes[index].name) + ": " + std::string{reason},
      index,
      L7Failure::kWholeSet};
}

std::uint8_t where_of(const L7Pattern& pattern) {
  unsigned where = kL7Everywhere;
  if (pattern.protocol == L7Protocol::tcp) where &= kL7Tcp;
  if (pattern.protocol == L7Protocol::udp) where &= kL7Udp;
  if (pattern.direction == L7Direction::to_server) where &= kL7TcpToServer | kL7UdpToServer;
  if (pattern.direction == L7Direction::to_client) where &= kL7TcpToClient | kL7UdpToClient;
  return static_cast<std::uint8_t>(where);
}

Result<std::vector<L7Expression>> expand(const L7Pattern& pattern) {
  if (pattern.text.size() > kMaxL7TextOctets) {
    return Error{
        "has " + std::to_string(pattern.text.size()) + " octets, above the limit of " +
        std::to_string(kMaxL7TextOctets)};
  }
  std::vector<L7Expression> expressions;
  if (pattern.kind == L7Pattern::Kind::builtin) {
    Result<std::vector<L7Expression>> expanded = expand_l7_builtin(pattern.text);
    if (!expanded) return expanded;
    expressions = std::move(*expanded);
  } else {
    // Hyperscan takes a C string and would silently compile what is before the zero.
    if (pattern.text.find('\0') != std::string::npos) {
      return Error{R"(contains an octet 0: write \x00)"};
    }
    // (*UTF8) and (*UCP) switch to UTF-8, and scanning what is not valid UTF-8 is then undefined.
    if (pattern.text.rfind("(*", 0) == 0)
      return Error{"(*...) is not supported: payload is octets"};
    L7Expression& expression = expressions.emplace_back();
    expression.regex = pattern.text;
    expression.is_caseless = pattern.is_caseless;
    expression.dot_matches_newline = pattern.dot_matches_newline;
    expression.is_multiline = pattern.is_multiline;
  }
  unsigned anywhere = 0;
  for (L7Expression& expression : expressions) {
    expression.where = static_cast<std::uint8_t>(expression.where & where_of(pattern));
    anywhere |= expression.where;
  }
  if (anywhere == 0) return Error{"can never match with that protocol and direction"};
  return expressions;
}

std::optional<L7Failure> check_classes(const L7Set& set) {
  if (set.classes.size() > kMaxL7Classes) {
    return set_failure(
        std::to_string(set.classes.size()) + " classes are above the limit of " +
        std::to_string(kMaxL7Classes)
    );
  }
  std::bitset<256> seen;
  std::size_t pattern_count = 0;
  for (std::size_t i = 0; i < set.classes.size(); ++i) {
    const L7Class& l7_class = set.classes[i];
    const std::string id = "id " + std::to_string(l7_class.id);
    if (l7_class.id == kL7Unknown || l7_class.id == kL7None) {
      return class_failure(set, i, id + " is not in 1 to 254");
    }
    if (seen.test(l7_class.id)) return class_failure(set, i, id + " is used twice");
    seen.set(l7_class.id);
    if (l7_class.patterns.empty()) return class_failure(set, i, "has no patterns");
    pattern_count += l7_class.patterns.size();
  }
  if (pattern_count > kMaxL7Patterns) {
    return set_failure(
        std::to_string(pattern_count) + " patterns are above the limit of " +
        std::to_string(kMaxL7Patterns)
    );
  }
  return std::nullopt;
}

std::optional<L7Failure> check_budget(const L7Budget& budget) {
  if (budget.packets < 1 || budget.packets > kMaxL7Packets) {
    return set_failure(
        "a budget of " + std::to_string(budget.packets) + " packets is not in 1 to " +
        std::to_string(kMaxL7Packets)
    );
  }
  if (budget.octets == 0 || budget.octets > kMaxL7Octets || budget.octets % kL7BudgetUnit != 0) {
    return set_failure(
        "a budget of " + std::to_string(budget.octets) + " octets is not a multiple of " +
        std::to_string(kL7BudgetUnit) + " from " + std::to_string(kL7BudgetUnit) + " to " +
        std::to_string(kMaxL7Octets)
    );
  }
  return std::nullopt;
}

/// Where `source` belongs: payload expressions by protocol, possibly twice.
void add(L7Sources& sources, const L7Source& source) {
  const auto add_to = [&](L7Section section, unsigned where) {
    const auto common = static_cast<std::uint8_t>(source.expression.where & where);
    if (common == 0) return;
    sources[section].push_back(source);
    sources[section].back().expression.where = common;
  };
  switch (source.expression.input) {
    case L7Input::payload:
      add_to(kL7TcpPayload, kL7Tcp);
      add_to(kL7UdpPayload, kL7Udp);
      break;
    case L7Input::server_name:
      add_to(kL7ServerName, kL7Tcp);
      break;
    case L7Input::dns_name:
      add_to(kL7DnsName, kL7Everywhere);
      break;
  }
}

}  // namespace

L7Failure l7_pattern_failure(
    const L7Set& set, std::size_t class_index, std::size_t pattern_index, std::string_view reason
) {
  const L7Class& l7_class = set.classes[class_index];
  return {
      "l7 class " + quoted(l7_class.name) + ", pattern " +
          quoted(l7_class.patterns[pattern_index].name) + ": " + std::string{reason},
      class_index,
      pattern_index};
}

Result<L7Sources, L7Failure> expand_l7(const L7Set& set) {
  if (std::optional<L7Failure> failure = check_classes(set)) return *std::move(failure);
  if (std::optional<L7Failure> failure = check_budget(set.budget)) return *std::move(failure);
  L7Sources sources;
  for (std::size_t i = 0; i < set.classes.size(); ++i) {
    for (std::size_t j = 0; j < set.classes[i].patterns.size(); ++j) {
      Result<std::vector<L7Expression>> expressions = expand(set.classes[i].patterns[j]);
      if (!expressions) return l7_pattern_failure(set, i, j, expressions.error().message);
      for (L7Expression& expression : *expressions) add(sources, {std::move(expression), i, j});
    }
  }
  return sources;
}

}  // namespace weft::classifier
