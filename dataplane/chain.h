// Reading a frame that is spread over a chain of mbufs, in order and without copying.
//
//   ChainReader reader{frame, parsed.payload_offset};
//   while (left > 0) { const ConstBytes piece = reader.next(left); ... left -= piece.size(); }
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"

namespace weft {

class ChainReader {
 public:
  /// Starts `offset` octets into the chain. The chain must outlive the reader.
  ChainReader(const rte_mbuf* frame, std::uint32_t offset) noexcept
      : mbuf_{frame}, offset_{offset} {
    skip_finished();
  }

  /// The next contiguous octets, at most `limit` of them; empty only at the end of the chain or
  /// when `limit` is 0.
  [[nodiscard]] ConstBytes next(std::uint32_t limit) noexcept {
    if (mbuf_ == nullptr) return {};
    const std::uint32_t size = std::min<std::uint32_t>(limit, mbuf_->data_len - offset_);
    const ConstBytes piece{rte_pktmbuf_mtod_offset(mbuf_, const std::uint8_t*, offset_), size};
    offset_ += size;
    skip_finished();
    return piece;
  }

  /// Copies `size` octets to `out`; returns how many there were.
  std::uint32_t copy(std::uint8_t* out, std::uint32_t size) noexcept {
    std::uint32_t done = 0;
    while (done < size) {
      const ConstBytes piece = next(size - done);
      if (piece.empty()) break;
      // The size is known only here, and mostly above 1,000 octets: a call of the C library's copy.
      std::memcpy(out + done, piece.data(), piece.size());
      done += static_cast<std::uint32_t>(piece.size());
    }
    return done;
  }

 private:
  void skip_finished() noexcept {
    while (mbuf_ != nullptr && offset_ >= mbuf_->data_len) {
      offset_ -= mbuf_->data_len;
      mbuf_ = mbuf_->next;
    }
  }

  const rte_mbuf* mbuf_;
  std::uint32_t offset_;
};

/// The sum of octets [begin, end) of the chain. A piece that starts at an odd distance from `begin`
/// has its octets in the other halves of the 16-bit words, so its sum counts with its octets
/// swapped (RFC 1071 s2(B)).
[[nodiscard]] inline Sum sum_of_chain(
    const rte_mbuf* frame, std::uint32_t begin, std::uint32_t end
) noexcept {
  Sum total;
  bool is_odd = false;
  ChainReader reader{frame, begin};
  for (std::uint32_t left = end - begin; left > 0;) {
    const ConstBytes piece = reader.next(left);
    if (piece.empty()) break;
    const Sum sum = sum_of(piece);
    total += is_odd ? Sum{__builtin_bswap16(fold(sum))} : sum;
    is_odd = is_odd != ((piece.size() & 1U) != 0);
    left -= static_cast<std::uint32_t>(piece.size());
  }
  return total;
}

}  // namespace weft
