// Shared memory of a memif client, mapped so that the client can not hurt us with it.
//
// The client keeps its own mapping and its descriptor. It may write whatever it likes at any time, and it
// may try to truncate the file: touching a page beyond the end would then kill the daemon with SIGBUS.
// Therefore a region must be a memfd that is *sealed* against shrinking (fcntl F_SEAL_SHRINK, which nobody
// can undo), at least as long as the client says, and of ordinary pages: in hugetlbfs a hole punched
// into the file can not always be filled again. DPDK's net_memif and libmemif seal their regions
// themselves. net_memif's zero-copy mode shares unsealed EAL memory and is refused with a sentence.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "dataplane/base/result.h"
#include "pmd-config/os.h"

namespace weft::memif {

inline constexpr std::uint16_t kMaxRegions = 16;
/// Offsets have 32 bits; no client needs nearly as much.
inline constexpr std::uint64_t kMaxRegionOctets = std::uint64_t{1} << 30U;

/// One mapping, read and write, until destroyed.
class Region {
 public:
  Region() noexcept = default;
  Region(Region&& other) noexcept
      : base_{std::exchange(other.base_, nullptr)}, octets_{std::exchange(other.octets_, 0)} {}
  Region& operator=(Region&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(octets_, other.octets_);
    return *this;
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  /// `octets`: what the client announced. The descriptor is not needed afterwards.
  [[nodiscard]] static Result<Region> map(UniqueFd fd, std::uint64_t octets);

  [[nodiscard]] std::uint8_t* base() const noexcept { return base_; }
  [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }

 private:
  std::uint8_t* base_ = nullptr;
  std::uint64_t octets_ = 0;
};

/// The regions of one client, numbered in the order they came.
class Regions {
 public:
  [[nodiscard]] std::uint16_t count() const noexcept { return count_; }
  /// Precondition: count() < kMaxRegions.
  void add(Region region) noexcept { regions_[count_++] = std::move(region); }

  /// Address of `length` octets, all of them inside the region; nullptr when they are not.
  [[nodiscard]] std::uint8_t* find(std::uint16_t region, std::uint32_t offset, std::uint32_t length)
      const noexcept {
    if (region >= count_) [[unlikely]]
      return nullptr;
    const Region& r = regions_[region];
    if (std::uint64_t{offset} + length > r.octets()) [[unlikely]]
      return nullptr;
    return r.base() + offset;
  }

 private:
  std::array<Region, kMaxRegions> regions_;
  std::uint16_t count_ = 0;
};

}  // namespace weft::memif
