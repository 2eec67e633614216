// Which segmentation a container's veth may leave to us.
//
// A veth offers its stack every kind of segmentation there is, but a virtio-net header can only say
// TCP over IPv4 or IPv6. The kernel would fail to hand us a UDP or tunnel super-frame and an SCTP
// checksum would look like an Internet checksum. So these are switched off on the container's end, as a
// TAP's TUNSETOFFLOAD does by itself. A container with CAP_NET_ADMIN can switch them on again and then
// loses those frames, counted as bad_offload_request; nobody else is affected.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weft {

/// Whether `feature` (a name as `ethtool -k` shows it for the kernel, "tx-udp-segmentation") is
/// something that a virtio-net header can not express.
[[nodiscard]] bool is_inexpressible_feature(std::string_view feature) noexcept;

/// Switches those features of `ifname` off, in the calling thread's namespace. Features that the kernel
/// does not know or has fixed are left alone.
[[nodiscard]] Status restrict_veth_features(const std::string& ifname);

}  // namespace weft
