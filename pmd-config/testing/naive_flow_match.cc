#include "pmd-config/testing/naive_flow_match.h"

#include <cstring>
#include <optional>
#include <vector>

namespace weft::flow_test {
namespace {

/// Where the headers of a frame are, in octets from its start.
struct Headers {
  std::vector<std::size_t> tags;  // of the TCI
  std::optional<std::size_t> ipv4;
  std::optional<std::size_t> ipv6;
  unsigned protocol = 256;               // none
  std::optional<std::size_t> transport;  // not in later fragments
};

unsigned word_at(ConstBytes frame, std::size_t offset) {
  return frame[offset] * 256U + frame[offset + 1];
}

Headers headers_of(ConstBytes frame) {
  Headers headers;
  std::size_t at = 12;
  while (word_at(frame, at) == 0x8100 || word_at(frame, at) == 0x88A8) {
    headers.tags.push_back(at + 2);
    at += 4;
  }
  const unsigned type = word_at(frame, at);
  at += 2;
  if (type == 0x0800) {
    headers.ipv4 = at;
    headers.protocol = frame[at + 9];
    const bool is_later_fragment = (word_at(frame, at + 6) & 0x1FFFU) != 0;
    if (!is_later_fragment) headers.transport = at + std::size_t{4} * (frame[at] % 16U);
  } else if (type == 0x86DD) {
    headers.ipv6 = at;
    unsigned next = frame[at + 6];
    at += 40;
    while (next == 60) {  // destination options are all that the tests' frames have
      next = frame[at];
      at += 8U + 8U * frame[at + 1];
    }
    headers.protocol = next;
    headers.transport = at;
  }
  return headers;
}

/// The octets of `item` against the frame's at `offset`.
bool equals(const rte_flow_item& item, ConstBytes frame, std::size_t offset, std::size_t size) {
  const auto* spec = static_cast<const std::uint8_t*>(item.spec);
  const auto* mask = static_cast<const std::uint8_t*>(item.mask);
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned octet = offset + i < frame.size() ? frame[offset + i] : 0U;
    if (((octet ^ spec[i]) & mask[i]) != 0) return false;
  }
  return true;
}

bool transport_equals(
    const rte_flow_item& item, ConstBytes frame, const Headers& headers, std::size_t size
) {
  if (item.spec == nullptr) return true;
  return headers.transport.has_value() && equals(item, frame, *headers.transport, size);
}

bool eth_equals(const rte_flow_item& item, ConstBytes frame, const Headers& headers) {
  if (item.spec == nullptr) return true;
  const auto* spec = static_cast<const rte_flow_item_eth*>(item.spec);
  const auto* mask = static_cast<const rte_flow_item_eth*>(item.mask);
  const bool has_vlan = !headers.tags.empty();
  if (mask->has_vlan != 0 && (spec->has_vlan != 0) != has_vlan) return false;
  return equals(item, frame, 0, 14);
}

bool is_vxlan(ConstBytes frame, const Headers& headers) {
  if (headers.protocol != 17 || !headers.transport.has_value()) return false;
  const std::size_t udp = *headers.transport;
  if (word_at(frame, udp + 2) != 4789 || frame.size() < udp + 16) return false;
  return (frame[udp + 8] & 0x08U) != 0;
}

bool is_nvgre(ConstBytes frame, const Headers& headers) {
  if (headers.protocol != 47 || !headers.transport.has_value()) return false;
  const std::size_t gre = *headers.transport;
  return frame.size() >= gre + 8 && word_at(frame, gre) == 0x2000 &&
         word_at(frame, gre + 2) == 0x6558;
}

/// The header is there, and has what the item asks of it, if anything.
bool header_equals(
    const rte_flow_item& item, ConstBytes frame, std::optional<std::size_t> at, std::size_t size
) {
  return at.has_value() && (item.spec == nullptr || equals(item, frame, *at, size));
}

}  // namespace

bool matches_naively(const rte_flow_item* items, ConstBytes frame) {
  const Headers headers = headers_of(frame);
  std::size_t tag = 0;
  for (const rte_flow_item* item = items; item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    bool is_match = false;
    if (item->type == RTE_FLOW_ITEM_TYPE_ETH) {
      is_match = eth_equals(*item, frame, headers);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_VLAN) {
      is_match = tag < headers.tags.size() && header_equals(*item, frame, headers.tags[tag], 4);
      ++tag;
    } else if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
      is_match = header_equals(*item, frame, headers.ipv4, 20);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_IPV6) {
      is_match = header_equals(*item, frame, headers.ipv6, 40);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_TCP) {
      is_match = headers.protocol == 6 && transport_equals(*item, frame, headers, 20);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_UDP) {
      is_match = headers.protocol == 17 && transport_equals(*item, frame, headers, 8);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_ICMP) {
      is_match = headers.ipv4.has_value() && headers.protocol == 1 &&
                 transport_equals(*item, frame, headers, 8);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_ICMP6) {
      is_match = headers.ipv6.has_value() && headers.protocol == 58 &&
                 transport_equals(*item, frame, headers, 4);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_VXLAN) {
      is_match = is_vxlan(frame, headers) && header_equals(*item, frame, *headers.transport + 8, 8);
    } else if (item->type == RTE_FLOW_ITEM_TYPE_NVGRE) {
      is_match = is_nvgre(frame, headers) && header_equals(*item, frame, headers.transport, 8);
    }
    if (!is_match) return false;
  }
  return true;
}

}  // namespace weft::flow_test
