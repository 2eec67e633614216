// From a tenant's L7Set to expressions for Hyperscan: checked, built-ins expanded, sorted by what they
// look at.
//
// The first half of compile_l7; needs no Hyperscan.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "classifier/l7_builtin.h"
#include "classifier/l7_set.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

/// Expressions over one kind of input share one Hyperscan database. Payloads are split by protocol:
/// a database is faster the less it has to look for.
enum L7Section : std::uint8_t {
  kL7TcpPayload,
  kL7UdpPayload,
  kL7ServerName,
  kL7DnsName,
  kL7SectionCount
};

/// An expression and the pattern it came from.
struct L7Source {
  L7Expression expression;
  std::size_t class_index{};
  std::size_t pattern_index{};
};

using L7Sources = std::array<std::vector<L7Source>, kL7SectionCount>;

/// Everything that can be wrong with a set, but for what only Hyperscan knows.
[[nodiscard]] Result<L7Sources, L7Failure> expand_l7(const L7Set& set);

/// "l7 class "a", pattern "b": reason".
[[nodiscard]] L7Failure l7_pattern_failure(
    const L7Set& set, std::size_t class_index, std::size_t pattern_index, std::string_view reason
);

}  // namespace weft::classifier
