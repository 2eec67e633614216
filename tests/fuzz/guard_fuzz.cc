// Any octets as a frame from a container, past its anti-spoofing. The endpoint's MAC is whatever the frame
// claims, so that the fuzzer gets behind the first check. The answer must not depend on what follows the
// packet (Ethernet padding).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "classifier/source_guard.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"
#include "tests/fuzz/require.h"

namespace weft::classifier {
namespace {

using fuzz::require;

SourceGuard guard_for(ConstBytes frame) {
  SourceGuard guard;
  const auto* ethernet = header_at<EthernetHeader>(frame, 0);
  if (ethernet != nullptr) guard.mac = ethernet->source;
  guard.addresses[0] = IpPrefix{IpAddress{Ipv4Address{{10, 1, 0, 1}}}, 32};
  guard.addresses[1] = IpPrefix{IpAddress{Ipv6Address{{0xFD, 0}}}, 64};
  guard.address_count = 2;
  guard.allow_dhcp = true;
  return guard;
}

bool is_spoofing_reason(DropReason reason) {
  return reason == DropReason::none || reason == DropReason::multicast_source_mac ||
         (reason >= DropReason::spoofed_source_mac && reason <= DropReason::spoofed_nd);
}

void run(ConstBytes input, std::size_t first_buffer) {
  const auto heap = std::make_unique<std::uint8_t[]>(first_buffer);
  std::copy_n(input.begin(), first_buffer, heap.get());
  const ConstBytes frame{heap.get(), first_buffer};
  const ParsedFrame parsed = parse_frame(frame, input.size());
  if (!parsed.is_ok()) return;
  const SourceGuard guard = guard_for(frame);
  const DropReason reason = check_source(guard, frame, parsed);
  require(is_spoofing_reason(reason));
  if (parsed.l3 != L3Kind::other && parsed.l3_end <= frame.size()) {
    require(check_source(guard, frame.first(parsed.l3_end), parsed) == reason);
  }
}

}  // namespace
}  // namespace weft::classifier

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weft::ConstBytes input{data, size};
  weft::classifier::run(input, size);
  if (size >= 2) weft::classifier::run(input, ((std::size_t{data[0]} << 8U) | data[1]) % size);
  return 0;
}
