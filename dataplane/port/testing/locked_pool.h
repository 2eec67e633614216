// A mempool behind a mutex, for ThreadSanitizer.
//
// DPDK's own pools hand mbufs from thread to thread through a ring inside a library that is not compiled
// with TSan, which therefore takes every recycled mbuf for a race. A mutex it understands.
#pragma once

namespace weft::wire_test {

/// The mempool operations that test pools use: "weft_locked" under ThreadSanitizer, nullptr (DPDK's own)
/// otherwise.
[[nodiscard]] const char* pool_operations() noexcept;

}  // namespace weft::wire_test
