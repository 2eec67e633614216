#include "pmd-config/memif_region.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace weft::memif {

Region::~Region() {
  if (base_ != nullptr) ::munmap(base_, octets_);
}

// Messages travel to the client in a field of 96 octets.
Result<Region> Region::map(UniqueFd fd, std::uint64_t octets) {
  if (octets == 0 || octets > kMaxRegionOctets) {
    return Error{"Region of " + std::to_string(octets) + " octets: allowed are 1 to 1073741824"};
  }
  // Fails when the client sealed it already, or forbade further seals: what counts is the result.
  (void)::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK);
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return Error{"Region is not a memfd sealed against shrinking (zero-copy is not supported)"};
  }
  struct statfs file_system {};
  if (::fstatfs(fd.get(), &file_system) != 0 || file_system.f_type == HUGETLBFS_MAGIC) {
    return Error{"Region is in huge pages, which is not supported"};
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) < octets) {
    return Error{"Region is larger than its memfd"};
  }
  void* const base = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return os_error(errno, "Region can not be mapped");
  Region region;
  region.base_ = static_cast<std::uint8_t*>(base);
  region.octets_ = octets;
  return region;
}

}  // namespace weft::memif
