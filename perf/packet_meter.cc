#include "perf/packet_meter.h"

#include <cstdlib>
#include <new>

namespace weft::perf {
std::uint64_t allocation_count = 0;
}  // namespace weft::perf

// As the standard ones, and counted.
void* operator new(std::size_t size) {
  ++weft::perf::allocation_count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
