#include "pmd-config/veth_port.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "dataplane/net/headers.h"
#include "pmd-config/link_socket.h"
#include "pmd-config/veth_features.h"
#include "pmd-config/vnet_io.h"

namespace weft {
namespace {

/// Messages of one recvmmsg. A slot brings along buffers for 64 KB, so a batch must stay small; the
/// system call's own 0.1 us is already spread over sixteen frames. At least two, because an answer that
/// is shorter than asked for says that the queue is empty and saves the next call.
constexpr std::uint16_t kMinRxBatch = 2;
constexpr std::uint16_t kMaxRxBatch = 16;
/// Buffer descriptors of one sendmmsg: 64 frames of up to three segments, or fewer longer ones.
constexpr std::size_t kTxBuffers = 256;
constexpr int kSocketBuffer = 1 << 20;  // octets; measured: 512 KB retransmits 20 times as much

union AuxData {
  cmsghdr header;  // for alignment
  std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> room;
};

/// The tag that the kernel took out of the frame; ether_type is its TPID.
struct StrippedTag {
  std::uint16_t tpid{};  // 0: there was none
  std::uint16_t tci{};
};

StrippedTag stripped_tag(const msghdr& message) noexcept {
  for (const cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr;
       c = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(c))) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata aux;
    std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
    if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) return {};
    const bool has_tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    return {has_tpid ? aux.tp_vlan_tpid : kEtherTypeVlan, aux.tp_vlan_tci};
  }
  return {};
}

/// Puts the tag back behind the source MAC. The room in front was kept by RxSlot::prepare.
void restore_tag(rte_mbuf* frame, StrippedTag tag) noexcept {
  constexpr std::size_t kMacs = 12;
  auto* const old_start = rte_pktmbuf_mtod(frame, std::uint8_t*);
  auto* const start = old_start - sizeof(VlanTag);
  std::memmove(start, old_start, kMacs);
  const std::array<Be16, 2> words{Be16{tag.tpid}, Be16{tag.tci}};
  std::memcpy(start + kMacs, words.data(), sizeof words);
  frame->data_off = static_cast<std::uint16_t>(frame->data_off - sizeof(VlanTag));
  frame->data_len = static_cast<std::uint16_t>(frame->data_len + sizeof(VlanTag));
  frame->pkt_len += static_cast<std::uint32_t>(sizeof(VlanTag));
  OffloadRequest& offload = meta(frame).offload;
  constexpr auto kShift = static_cast<std::uint16_t>(sizeof(VlanTag));
  if (offload.needs_checksum) {
    offload.checksum_start = static_cast<std::uint16_t>(offload.checksum_start + kShift);
  }
  if (offload.gso != OffloadRequest::Gso::none) {
    offload.header_octets = static_cast<std::uint16_t>(offload.header_octets + kShift);
  }
}

Status set_option(int fd, int level, int option, int value, const std::string& what) {
  if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return Ok{};
  return os_error(errno, what);
}

/// Runs backstage. The link must be up already: binding to a link that is down reports ENETDOWN, which
/// rx_burst takes for the end.
Result<UniqueFd> open_packet_socket(const std::string& host_ifname, const std::string& ifname) {
  const std::string what = ifname + ": cannot open the packet socket of the veth";
  // Protocol 0: nothing is received before the socket is bound to the one link.
  UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd) return os_error(errno, what);
  struct Option {
    int level;
    int name;
    int value;
  };
  for (const Option& option : {
           Option{SOL_PACKET, PACKET_VNET_HDR, 1},
           Option{SOL_PACKET, PACKET_IGNORE_OUTGOING, 1},
           Option{SOL_PACKET, PACKET_QDISC_BYPASS, 1},
           Option{SOL_PACKET, PACKET_AUXDATA, 1},
           Option{SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer},
           Option{SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer},
       }) {
    if (Status set = set_option(fd.get(), option.level, option.name, option.value, what); !set) {
      return set.error();
    }
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(host_ifname.c_str()));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return os_error(errno, what);
  }
  return fd;
}

/// The container's half of the set-up, inside its namespace.
Status prepare_container_end(const ContainerLink& link) {
  Result<LinkSocket> socket = LinkSocket::open();
  if (!socket) return socket.error();
  LinkSocket::Attributes attributes;
  attributes.txqueuelen = link.txqueuelen;
  attributes.gso_max_size = kGsoMaxSize;
  if (Status set = socket->set_attributes(link.ifname, attributes); !set) return set;
  return restrict_veth_features(link.ifname);
}

/// Backstage names are never seen by operators, only unique while the process lives.
std::string next_host_ifname() {
  static std::atomic<std::uint64_t> next{0};
  return "v" + std::to_string(next.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

Result<std::unique_ptr<Port>> open_veth(
    const ContainerLink& link,
    const std::shared_ptr<const Netns>& backstage,
    const PacketPools& pools
) {
  if (Status name = check_ifname(link.ifname); !name) return name.error();
  const std::string host_ifname = next_host_ifname();
  const Status created = backstage->run([&]() -> Status {
    Result<LinkSocket> socket = LinkSocket::open();
    if (!socket) return socket.error();
    return socket->create_veth(host_ifname, link);
  });
  if (!created) return created.error();

  // From here on the port owns the pair: whatever fails, its destructor removes both ends.
  auto port = std::make_unique<VethPort>(link.name, host_ifname, backstage, pools);
  if (Status set = link.netns.run([&] { return prepare_container_end(link); }); !set) {
    return set.error();
  }
  Result<UniqueFd> fd = backstage->run([&]() -> Result<UniqueFd> {
    Result<LinkSocket> socket = LinkSocket::open();
    if (!socket) return socket.error();
    if (Status up = socket->set_up(host_ifname, true); !up) return up.error();
    return open_packet_socket(host_ifname, link.ifname);
  });
  if (!fd) return fd.error();
  port->adopt_socket(std::move(*fd));
  return std::unique_ptr<Port>{std::move(port)};
}

VethPort::VethPort(
    std::string name,
    std::string host_ifname,
    std::shared_ptr<const Netns> backstage,
    const PacketPools& pools
)
    : Port{std::move(name), PortTraits{.takes_offloads = true, .takes_chains = true, .max_frame = kMaxFrame}},
      host_ifname_{std::move(host_ifname)},
      backstage_{std::move(backstage)},
      pools_{pools} {}

VethPort::~VethPort() {
  // Link first: it takes the container's end along, and Ok if the container's end took it along.
  (void)delete_link(*backstage_, host_ifname_);
}

// The host end is ours alone and stays up until it is removed, so "down" means "gone".
void VethPort::note_error(int errnum) noexcept {
  if (errnum == ENETDOWN || errnum == ENXIO || errnum == ENODEV) {
    is_alive_.store(false, std::memory_order_relaxed);
  }
}

std::uint16_t VethPort::rx_burst(rte_mbuf** out, std::uint16_t max) noexcept {
  std::uint16_t count = 0;
  std::uint16_t taken = 0;
  while (taken < max) {
    const std::uint16_t asked =
        std::min<std::uint16_t>(batch_, static_cast<std::uint16_t>(max - taken));
    const std::uint16_t got = read_batch(out, asked, count);
    taken = static_cast<std::uint16_t>(taken + got);
    if (got < asked) {  // the queue is empty
      if (got <= asked / 2) batch_ = std::max<std::uint16_t>(kMinRxBatch, batch_ / 2);
      break;
    }
    batch_ = std::min<std::uint16_t>(kMaxRxBatch, static_cast<std::uint16_t>(batch_ * 2));
  }
  return count;
}

std::uint16_t VethPort::read_batch(
    rte_mbuf** out, std::uint16_t max, std::uint16_t& count
) noexcept {
  std::array<RxSlot, kMaxRxBatch> slots;
  std::array<AuxData, kMaxRxBatch> aux;
  std::array<mmsghdr, kMaxRxBatch> messages;
  for (std::uint16_t i = 0; i < max; ++i) {
    slots[i].prepare(pools_, sizeof(VlanTag));
    const std::span<iovec> buffers = slots[i].buffers();
    messages[i] = mmsghdr{};
    msghdr& message = messages[i].msg_hdr;
    message.msg_iov = buffers.data();
    message.msg_iovlen = buffers.size();
    message.msg_control = aux[i].room.data();
    message.msg_controllen = aux[i].room.size();
  }
  const int got = ::recvmmsg(fd_.get(), messages.data(), max, MSG_DONTWAIT, nullptr);
  if (got < 0) {
    // EINVAL: the kernel had a frame whose segmentation the virtio header can not express, and
    // dropped it.
    if (errno == EINVAL) {
      ++losses.bad_offload_request;
      return 1;
    }
    note_error(errno);
    return 0;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    rte_mbuf* frame = slots[i].finish(messages[i].msg_len, losses);
    if (frame == nullptr) continue;
    if (const StrippedTag tag = stripped_tag(messages[i].msg_hdr); tag.tpid != 0) {
      restore_tag(frame, tag);
    }
    out[count++] = frame;
  }
  return static_cast<std::uint16_t>(got);
}

std::uint16_t VethPort::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  std::array<VnetHeader, kMaxBurst> headers;
  std::array<iovec, kTxBuffers> buffers;
  std::array<mmsghdr, kMaxBurst> messages;
  std::uint16_t sent = 0;
  std::uint16_t end = count;
  while (sent < end) {
    std::size_t used = 0;
    unsigned batch = 0;
    while (batch < kMaxBurst && sent + batch < end) {
      const std::span<iovec> room = std::span{buffers}.subspan(used);
      const std::size_t needed = gather(frames[sent + batch], headers[batch], room);
      if (needed == 0) break;
      messages[batch] = mmsghdr{};
      messages[batch].msg_hdr.msg_iov = room.data();
      messages[batch].msg_hdr.msg_iovlen = needed;
      used += needed;
      ++batch;
    }
    // Nothing gathered: the first frame has more segments than there are buffers.
    const int taken = batch == 0 ? -1 : ::sendmmsg(fd_.get(), messages.data(), batch, MSG_DONTWAIT);
    if (taken > 0) {
      sent = static_cast<std::uint16_t>(sent + taken);
      continue;
    }
    if (batch == 0 || is_frame_refused(errno)) {
      end = put_last(frames, sent, end);
      continue;
    }
    note_error(errno);  // EAGAIN, ENOBUFS: the container's queue or the socket's buffer is full
    break;
  }
  rte_pktmbuf_free_bulk(frames, sent);
  return sent;
}

}  // namespace weft
