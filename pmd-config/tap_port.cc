#include "pmd-config/tap_port.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "pmd-config/link_socket.h"
#include "pmd-config/vnet_io.h"

namespace weft {
namespace {

constexpr const char* kTunDevice = "/dev/net/tun";

/// Why TUNSETIFF failed, in terms of what is in the namespace.
Error explain_attach(const ContainerLink& link, int errnum) {
  const std::string what = link.ifname + ": cannot create the TAP in " + link.netns.label();
  if (errnum == EBUSY) {
    return Error{what + ": a TAP of that name exists and is attached to another process"};
  }
  if (errnum == EINVAL) {
    Result<LinkSocket> socket = LinkSocket::open();
    if (socket) {
      if (Result<LinkState> state = socket->read(link.ifname); state) {
        const std::string kind =
            state->kind.empty() ? "another kind" : "kind '" + state->kind + "'";
        return Error{what + ": an interface of that name and of " + kind + " exists already"};
      }
    }
  }
  return os_error(errnum, what);
}

/// Runs inside the namespace. The device disappears with the returned descriptor until the last step
/// makes it persistent, so every early return leaves the namespace as it was.
Result<UniqueFd> attach_tap(const ContainerLink& link) {
  UniqueFd fd{::open(kTunDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  if (!fd) return os_error(errno, std::string{"cannot open "} + kTunDevice);

  ifreq request{};
  std::memcpy(request.ifr_name, link.ifname.data(), link.ifname.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return explain_attach(link, errno);

  // A device we attach to again may have been left with other values.
  int header_size = sizeof(VnetHeader);
  if (::ioctl(fd.get(), TUNSETVNETHDRSZ, &header_size) != 0) {
    return os_error(errno, link.ifname + ": cannot set the TAP's virtio header size");
  }
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (::ioctl(fd.get(), TUNSETOFFLOAD, offloads) != 0) {
    return os_error(errno, link.ifname + ": cannot set the TAP's offloads");
  }

  Result<LinkSocket> socket = LinkSocket::open();
  if (!socket) return socket.error();
  const LinkSocket::Attributes attributes{link.mac, link.mtu, link.txqueuelen, kGsoMaxSize};
  if (Status set = socket->set_attributes(link.ifname, attributes); !set) return set.error();

  if (::ioctl(fd.get(), TUNSETPERSIST, 1UL) != 0) {
    return os_error(errno, link.ifname + ": cannot make the TAP persistent");
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Port>> open_tap(const ContainerLink& link, const PacketPools& pools) {
  if (Status name = check_ifname(link.ifname); !name) return name.error();
  Result<UniqueFd> fd = link.netns.run([&] { return attach_tap(link); });
  if (!fd) return fd.error();
  return std::unique_ptr<Port>{std::make_unique<TapPort>(
      link.name, std::move(*fd), link.netns.path(), link.netns.identity(), pools
  )};
}

TapPort::TapPort(
    std::string name,
    UniqueFd fd,
    std::string path,
    NetnsIdentity identity,
    const PacketPools& pools
)
    : Port{std::move(name), PortTraits{.takes_offloads = true, .takes_chains = true, .max_frame = kMaxFrame}},
      fd_{std::move(fd)},
      path_{std::move(path)},
      identity_{identity},
      pools_{pools} {}

TapPort::~TapPort() {
  if (!keeps_device_ && NetnsWatch::still_there(path_, identity_)) {
    (void)::ioctl(fd_.get(), TUNSETPERSIST, 0UL);  // EBADFD: the container deleted it itself
  }
}

std::uint16_t TapPort::rx_burst(rte_mbuf** out, std::uint16_t max) noexcept {
  RxSlot slot;
  std::uint16_t count = 0;
  for (std::uint16_t reads = 0; reads < max; ++reads) {
    slot.prepare(pools_, 0);
    const std::span<iovec> buffers = slot.buffers();
    const ssize_t octets = ::readv(fd_.get(), buffers.data(), static_cast<int>(buffers.size()));
    if (octets < 0) {
      if (errno == EBADFD) is_alive_.store(false, std::memory_order_relaxed);
      break;
    }
    rte_mbuf* frame = slot.finish(static_cast<std::size_t>(octets), losses);
    if (frame != nullptr) out[count++] = frame;
  }
  return count;
}

std::uint16_t TapPort::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  std::uint16_t sent = 0;
  std::uint16_t end = count;
  while (sent < end) {
    VnetHeader header;
    std::array<iovec, kMaxGather> buffers;
    const std::size_t used = gather(frames[sent], header, buffers);
    if (used == 0) {
      end = put_last(frames, sent, end);
      continue;
    }
    if (::writev(fd_.get(), buffers.data(), static_cast<int>(used)) >= 0) {
      ++sent;
      continue;
    }
    if (is_frame_refused(errno)) {
      end = put_last(frames, sent, end);
      continue;
    }
    // EIO: the container's link is down. EBADFD: the device is gone. EAGAIN, ENOBUFS, ENOMEM: later.
    if (errno == EBADFD) is_alive_.store(false, std::memory_order_relaxed);
    break;
  }
  rte_pktmbuf_free_bulk(frames, sent);
  return sent;
}

}  // namespace weft
