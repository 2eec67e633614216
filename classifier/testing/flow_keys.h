// Keys for tests and benchmarks of the flow table: connection number `n` of an endpoint, made by
// arithmetic so that millions of them need no memory.
#pragma once

#include <cstdint>
#include <cstring>

#include "classifier/connection_key.h"

namespace weft::classifier {

/// TCP from 10.x.y.z to a server, as if many clients opened many ports: different `n` (< 2^40) are
/// different keys.
inline ConnectionKey numbered_key(EndpointIndex endpoint, std::uint64_t n) noexcept {
  const auto port = static_cast<std::uint16_t>(n);
  const auto client = static_cast<std::uint32_t>(n >> 16U);
  const std::uint64_t words[] = {
      0,
      0xFFFF0000U | std::uint64_t{0x0AU | client << 8U} << 32U,
      0,
      0xFFFF0000U | std::uint64_t{0x010200C0U} << 32U,
      std::uint64_t{endpoint.value() | 6U << 24U} << 32U | std::uint64_t{0x5000} << 16U | port,
  };
  ConnectionKey key;
  static_assert(sizeof words == sizeof key);
  std::memcpy(&key, words, sizeof key);
  return key;
}

}  // namespace weft::classifier
