// Flow tables for tests: made with a fixed seed, filled with numbered connections, looked at as a whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "classifier/flow_table.h"
#include "classifier/testing/flow_keys.h"

namespace weft::classifier {

inline constexpr EndpointIndex kOwner{7};
inline constexpr OwnerLimits kUnlimited{};

inline FlowTable make_table(std::uint32_t max_entries, std::uint32_t max_owners = 64) {
  auto table = FlowTable::create({max_entries, max_owners, 0x5EED});
  EXPECT_TRUE(table.is_ok());
  return std::move(*table);
}

inline Inserted add(
    FlowTable& table,
    EndpointIndex owner,
    std::uint64_t number,
    ConnState state = ConnState::established,
    CoarseTime now = CoarseTime{},
    const OwnerLimits& limits = kUnlimited
) {
  const ConnectionKey key = numbered_key(owner, number);
  return table.insert(key, table.hash(key), state, now, limits);
}

inline FlowEntry* look_up(FlowTable& table, EndpointIndex owner, std::uint64_t number) {
  const ConnectionKey key = numbered_key(owner, number);
  return table.find(key, table.hash(key));
}

/// Every entry with its owner and class, and how many each owner has.
struct Picture {
  std::map<std::string, std::pair<std::uint32_t, FlowClass>> entries;
  std::map<std::uint32_t, std::uint32_t> counts;
  std::map<std::pair<std::uint32_t, FlowClass>, std::uint32_t> classes;
};

inline std::string name_of(const ConnectionKey& key) {
  return {reinterpret_cast<const char*>(&key), sizeof key};
}

inline Picture picture_of(const FlowTable& table) {
  Picture picture;
  const auto collect = [&picture](const FlowEntry& entry) {
    const std::uint32_t owner = entry.key.endpoint().value();
    const FlowClass flow_class = info(entry.state).flow_class;
    picture.entries.emplace(name_of(entry.key), std::pair{owner, flow_class});
    ++picture.counts[owner];
    ++picture.classes[std::pair{owner, flow_class}];
  };
  EXPECT_EQ(table.visit(0, table.bucket_count(), collect), table.bucket_count());
  return picture;
}

}  // namespace weft::classifier
