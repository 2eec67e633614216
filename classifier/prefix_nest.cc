#include "classifier/prefix_nest.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>

namespace weft::classifier {
namespace {

/// Where the octets of IPv4 begin in an IpAddress, and how many bits are before them.
constexpr std::size_t kV4Offset = 12;
constexpr unsigned kV4Bits = 96;

/// The length as if IPv4 were IPv4-mapped, as its octets are.
unsigned mapped_length(const IpPrefix& prefix) noexcept {
  return prefix.length + (prefix.address.is_v4() ? kV4Bits : 0U);
}

IpPrefix without_host_bits(const IpPrefix& prefix) noexcept {
  std::array<std::uint8_t, 16> octets = prefix.address.octets();
  for (std::size_t i = mapped_length(prefix); i < 128; ++i) {
    octets[i / 8] &= static_cast<std::uint8_t>(~(0x80U >> (i % 8)));
  }
  if (!prefix.address.is_v4()) return {IpAddress{Ipv6Address{octets}}, prefix.length};
  const Ipv4Address v4{{octets[12], octets[13], octets[14], octets[15]}};
  return {IpAddress{v4}, prefix.length};
}

auto order_of(const IpPrefix& prefix) noexcept {
  return std::make_tuple(prefix.address.family(), prefix.address, prefix.length);
}

bool is_before(const IpPrefix& a, const IpPrefix& b) noexcept {
  return order_of(a) < order_of(b);
}

template <std::size_t kOctets>
std::array<std::uint8_t, kOctets> first_key(const IpPrefix& prefix) noexcept {
  static_assert(kOctets == 4 || kOctets == 16);
  std::array<std::uint8_t, kOctets> key;
  const std::size_t offset = kOctets == 4 ? kV4Offset : 0;
  std::copy_n(prefix.address.octets().begin() + offset, kOctets, key.begin());
  return key;
}

/// The key after the last one of `prefix`; all zeros if that was the last key of all.
template <std::size_t kOctets>
std::array<std::uint8_t, kOctets> key_behind(const IpPrefix& prefix) noexcept {
  auto key = first_key<kOctets>(prefix);
  if (prefix.length == 0) return {};
  std::size_t octet = (prefix.length - 1U) / 8U;
  unsigned carry = 0x80U >> ((prefix.length - 1U) % 8U);
  for (;; --octet) {
    const unsigned sum = key[octet] + carry;
    key[octet] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8U;
    if (carry == 0 || octet == 0) break;
  }
  return key;
}

}  // namespace

PrefixNest::PrefixNest(std::vector<IpPrefix> prefixes) : prefixes_{std::move(prefixes)} {
  std::transform(prefixes_.begin(), prefixes_.end(), prefixes_.begin(), without_host_bits);
  std::sort(prefixes_.begin(), prefixes_.end(), is_before);
  prefixes_.erase(std::unique(prefixes_.begin(), prefixes_.end()), prefixes_.end());
  parents_.reserve(prefixes_.size());
  for (std::uint32_t i = 0; i < prefixes_.size(); ++i) {
    // What contains this one is the previous one or contains that.
    std::uint32_t parent = i == 0 ? kNone : i - 1;
    while (parent != kNone && !prefixes_[parent].contains(prefixes_[i].address)) {
      parent = parents_[parent];
    }
    parents_.push_back(parent);
  }
}

std::uint32_t PrefixNest::index_of(const IpPrefix& prefix) const noexcept {
  const IpPrefix wanted = without_host_bits(prefix);
  const auto found = std::lower_bound(prefixes_.begin(), prefixes_.end(), wanted, is_before);
  assert(found != prefixes_.end() && *found == wanted);
  return static_cast<std::uint32_t>(found - prefixes_.begin());
}

template <std::size_t kOctets>
std::vector<RangeTable::Run<kOctets>> PrefixNest::runs(
    const std::vector<std::uint32_t>& values, std::uint32_t value_of_none
) const {
  constexpr IpFamily kFamily = kOctets == 4 ? IpFamily::v4 : IpFamily::v6;
  using Key = std::array<std::uint8_t, kOctets>;
  std::vector<RangeTable::Run<kOctets>> runs{{Key{}, value_of_none}};
  const auto value_at = [&](std::uint32_t i) { return i == kNone ? value_of_none : values[i]; };
  const auto begin_run = [&runs](const Key& start, std::uint32_t value) {
    if (runs.back().start == start) runs.pop_back();
    if (runs.empty() || runs.back().value != value) runs.push_back({start, value});
  };
  // Behind a prefix its parent is in force again, unless that ends there too.
  std::uint32_t open = kNone;
  const auto close_until = [&](std::uint32_t outer) {
    for (; open != outer; open = parents_[open]) {
      const Key behind = key_behind<kOctets>(prefixes_[open]);
      if (behind != Key{}) begin_run(behind, value_at(parents_[open]));
    }
  };
  for (std::uint32_t i = 0; i < prefixes_.size(); ++i) {
    if (prefixes_[i].address.family() != kFamily) continue;
    close_until(parents_[i]);
    begin_run(first_key<kOctets>(prefixes_[i]), values[i]);
    open = i;
  }
  close_until(kNone);
  return runs;
}

template std::vector<RangeTable::Run<4>> PrefixNest::runs(
    const std::vector<std::uint32_t>& values, std::uint32_t value_of_none
) const;
template std::vector<RangeTable::Run<16>> PrefixNest::runs(
    const std::vector<std::uint32_t>& values, std::uint32_t value_of_none
) const;

}  // namespace weft::classifier
