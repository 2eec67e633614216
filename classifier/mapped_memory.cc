#include "classifier/mapped_memory.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include <sys/mman.h>

namespace weft::classifier {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

Error failure(std::size_t size, std::string_view purpose, int error) {
  return Error{
      std::string{purpose} + ": " + std::to_string(size) +
      " octets of memory can not be had: " + std::strerror(error)};
}

}  // namespace

Result<MappedMemory> MappedMemory::create(std::size_t size, std::string_view purpose) {
  if (size == 0 || size > std::numeric_limits<std::size_t>::max() / 2) {
    return failure(size, purpose, EINVAL);
  }
  const bool is_huge = size >= kHugePage;
  const std::size_t mapped_size = is_huge ? size + kHugePage : size;
  void* mapping =
      mmap(nullptr, mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return failure(size, purpose, errno);

  MappedMemory memory;
  memory.mapping_ = mapping;
  memory.mapped_size_ = mapped_size;
  memory.data_ = mapping;
  if (is_huge) {
    const auto address = reinterpret_cast<std::uintptr_t>(mapping);
    const std::size_t skipped = (kHugePage - address % kHugePage) % kHugePage;
    memory.data_ = static_cast<std::uint8_t*>(mapping) + skipped;
    // Only advice: without huge pages the table works, slower.
    (void)madvise(memory.data_, size, MADV_HUGEPAGE);
  }
  if (madvise(memory.data_, size, MADV_POPULATE_WRITE) != 0) {
    if (errno != EINVAL) return failure(size, purpose, errno);
    std::memset(memory.data_, 0, size);  // before Linux 5.14
  }
  return memory;
}

MappedMemory::~MappedMemory() {
  if (mapping_ != nullptr) (void)munmap(mapping_, mapped_size_);
}

}  // namespace weft::classifier
