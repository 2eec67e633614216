// Any octets as a frame from the underlay, decapsulated: what comes back is inside the frame, the inner
// frame may be parsed and its ToS written, and nothing is both lost and found. As in parse_fuzz.cc the
// first two octets choose where the first buffer ends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/net/parse.h"
#include "encap/tos.h"
#include "encap/tunnel.h"
#include "tests/fuzz/require.h"

namespace weft::encap {
namespace {

using fuzz::require;

/// Decapsulates the inner frame's ToS and reads it back.
void check_inner(Bytes inner, std::uint8_t outer_tos_octet) {
  const ParsedFrame before = parse_frame(inner);
  if (!before.is_ok()) return;
  for (const DscpMode mode : {DscpMode::uniform, DscpMode::pipe, DscpMode::fixed}) {
    const InnerTos tos = inner_tos(mode, outer_tos_octet, before.tos);
    if (tos.is_lost) continue;
    const ParsedFrame parsed = parse_frame(inner);
    write_tos(inner, parsed, tos.tos);
    ParsedFrame expected = parsed;
    if (parsed.l3 == L3Kind::ipv4 || parsed.l3 == L3Kind::ipv6) expected.tos = tos.tos;
    require(parse_frame(inner) == expected);
  }
}

void run(ConstBytes input, std::size_t first_buffer, bool known_good) {
  const auto heap = std::make_unique<std::uint8_t[]>(first_buffer);
  std::copy_n(input.begin(), first_buffer, heap.get());
  const Bytes frame{heap.get(), first_buffer};

  const ParsedFrame outer = parse_frame(frame, input.size());
  if (!outer.is_ok()) return;
  const Decapped decapped = decap(frame, input.size(), outer, DecapConfig{}, known_good);
  require(!(decapped.is_tunnel && decapped.error != DropReason::none));
  if (!decapped.is_tunnel) return;
  require(is_usable(decapped.kind, decapped.vni));
  require(outer.is_first_fragment && !outer.is_fragment);
  require(decapped.inner_offset > outer.l4_offset);
  require(decapped.inner_offset <= outer.l3_end);
  require(decapped.inner_offset <= frame.size());
  if (outer.l3_end <= frame.size()) {
    check_inner(
        frame.subspan(decapped.inner_offset, outer.l3_end - decapped.inner_offset), outer.tos
    );
  }
}

}  // namespace
}  // namespace weft::encap

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weft::ConstBytes input{data, size};
  weft::encap::run(input, size, false);
  weft::encap::run(input, size, true);  // past the checksum, which a fuzzer seldom guesses
  if (size >= 2) {
    weft::encap::run(input, ((std::size_t{data[0]} << 8U) | data[1]) % size, false);
  }
  return 0;
}
