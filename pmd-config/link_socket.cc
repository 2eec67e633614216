#include "pmd-config/link_socket.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <sys/socket.h>

namespace weft {
namespace {

struct FreeMessage {
  void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
};
/// A request under construction. Ours hold a few hundred octets of libnl's 4096, so nla_put does not
/// fail for lack of room.
class Message {
 public:
  template <typename Fixed>
  Message(int type, int flags, const Fixed& fixed)
      : message_{nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags)} {
    append(fixed);
  }
  template <typename Fixed>
  void append(Fixed fixed) {
    nlmsg_append(get(), &fixed, sizeof fixed, NLMSG_ALIGNTO);
  }
  void put(int attribute, const void* data, std::size_t size) {
    nla_put(get(), attribute, static_cast<int>(size), data);
  }
  void put(int attribute, std::uint32_t value) { nla_put_u32(get(), attribute, value); }
  void put(int attribute, const std::string& text) {
    nla_put_string(get(), attribute, text.c_str());
  }
  void put(int attribute, const MacAddress& mac) {
    put(attribute, mac.octets.data(), mac.octets.size());
  }
  void put(int attribute, const IpAddress& address) {
    const auto& octets = address.octets();  // IPv4 is kept in the last four of sixteen
    if (address.is_v4()) {
      put(attribute, octets.data() + 12, 4);
    } else {
      put(attribute, octets.data(), 16);
    }
  }
  template <typename Body>
  void nest(int attribute, Body body) {
    nlattr* start = nla_nest_start(get(), attribute);
    body();
    nla_nest_end(get(), start);
  }
  [[nodiscard]] nl_msg* get() const noexcept { return message_.get(); }

 private:
  std::unique_ptr<nl_msg, FreeMessage> message_;
};

// libnl's own error codes lose the errno, hence a callback that keeps the kernel's.
struct KernelError {
  int errnum{};
  std::string words;
};

/// libnl calls it for an NLMSG_ERROR with a non-zero error.
int keep_error(sockaddr_nl*, nlmsgerr* error, void* arg) {
  auto& kept = *static_cast<KernelError*>(arg);
  kept.errnum = -error->error;
  auto* header = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(error) - NLMSG_HDRLEN);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    // The request's payload is echoed between nlmsgerr and the attributes unless it was capped.
    std::size_t offset = sizeof(nlmsgerr);
    if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) {
      offset += NLMSG_ALIGN(error->msg.nlmsg_len) - NLMSG_HDRLEN;
    }
    const nlattr* words = nlmsg_find_attr(header, static_cast<int>(offset), NLMSGERR_ATTR_MSG);
    if (words != nullptr) kept.words = nla_get_string(words);
  }
  return NL_STOP;
}

std::uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

std::vector<IpPrefix> addresses_of(nl_sock* socket, int ifindex) {
  std::vector<IpPrefix> found;
  nl_cache* cache = nullptr;
  if (rtnl_addr_alloc_cache(socket, &cache) != 0) return found;
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* entry = reinterpret_cast<rtnl_addr*>(object);
    const nl_addr* local = rtnl_addr_get_local(entry);
    if (rtnl_addr_get_ifindex(entry) != ifindex || local == nullptr) continue;
    IpPrefix prefix;
    prefix.length = static_cast<std::uint8_t>(rtnl_addr_get_prefixlen(entry));
    const void* octets = nl_addr_get_binary_addr(local);
    if (nl_addr_get_family(local) == AF_INET) {
      Ipv4Address v4;
      std::memcpy(v4.octets.data(), octets, 4);
      prefix.address = IpAddress{v4};
    } else {
      Ipv6Address v6;
      std::memcpy(v6.octets.data(), octets, 16);
      prefix.address = IpAddress{v6};
    }
    found.push_back(prefix);
  }
  nl_cache_free(cache);
  return found;
}

}  // namespace

void LinkSocket::Closer::operator()(nl_sock* socket) const noexcept {
  nl_socket_free(socket);
}

Result<LinkSocket> LinkSocket::open() {
  std::unique_ptr<nl_sock, Closer> socket{nl_socket_alloc()};
  if (!socket) return Error{"netlink: out of memory"};
  if (const int error = nl_connect(socket.get(), NETLINK_ROUTE); error != 0) {
    return Error{std::string{"netlink: cannot open a socket: "} + nl_geterror(error)};
  }
  const int on = 1;  // best effort: without it errors are errno alone
  (void)::setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return LinkSocket{std::move(socket)};
}

int LinkSocket::send(nl_msg* message) {
  KernelError kernel;
  nl_socket_modify_err_cb(socket_.get(), NL_CB_CUSTOM, keep_error, &kernel);
  kernel_words_.clear();
  if (nl_send_auto(socket_.get(), message) < 0) return EIO;
  const int error = nl_wait_for_ack(socket_.get());
  // The callback must not outlive `kernel`: read() uses the socket as well.
  nl_socket_modify_err_cb(socket_.get(), NL_CB_DEFAULT, nullptr, nullptr);
  kernel_words_ = std::move(kernel.words);
  if (error == 0) return 0;
  return kernel.errnum != 0 ? kernel.errnum : EIO;
}

Error LinkSocket::failure(const std::string& ifname, const std::string& operation, int errnum) {
  Error error = os_error(errnum, ifname + ": cannot " + operation);
  if (!kernel_words_.empty()) error.message += " (" + kernel_words_ + ")";
  return error;
}

Result<std::uint32_t> LinkSocket::index_of(
    const std::string& ifname, const std::string& operation
) {
  rtnl_link* link = nullptr;
  if (rtnl_link_get_kernel(socket_.get(), 0, ifname.c_str(), &link) != 0) {
    kernel_words_.clear();
    return failure(ifname, operation, ENODEV);
  }
  const auto index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(link));
  rtnl_link_put(link);
  return index;
}

Status LinkSocket::set_attributes(const std::string& ifname, const Attributes& attributes) {
  Message message{RTM_NEWLINK, 0, ifinfomsg{}};
  message.put(IFLA_IFNAME, ifname);
  if (attributes.mac) message.put(IFLA_ADDRESS, *attributes.mac);
  if (attributes.mtu) message.put(IFLA_MTU, *attributes.mtu);
  if (attributes.txqueuelen) message.put(IFLA_TXQLEN, *attributes.txqueuelen);
  if (attributes.gso_max_size) message.put(IFLA_GSO_MAX_SIZE, *attributes.gso_max_size);
  const int errnum = send(message.get());
  if (errnum == 0) return Ok{};
  std::string values;
  if (attributes.mac) values += " MAC " + format(*attributes.mac);
  if (attributes.mtu) values += " MTU " + std::to_string(*attributes.mtu);
  if (attributes.txqueuelen) values += " txqueuelen " + std::to_string(*attributes.txqueuelen);
  if (attributes.gso_max_size) {
    values += " gso_max_size " + std::to_string(*attributes.gso_max_size);
  }
  return failure(ifname, "set" + values, errnum);
}

Status LinkSocket::set_up(const std::string& ifname, bool is_up) {
  ifinfomsg info{};
  info.ifi_change = IFF_UP;
  info.ifi_flags = is_up ? unsigned{IFF_UP} : 0U;
  Message message{RTM_NEWLINK, 0, info};
  message.put(IFLA_IFNAME, ifname);
  const int errnum = send(message.get());
  if (errnum == 0) return Ok{};
  return failure(ifname, is_up ? "set up" : "set down", errnum);
}

Status LinkSocket::remove(const std::string& ifname) {
  Message message{RTM_DELLINK, 0, ifinfomsg{}};
  message.put(IFLA_IFNAME, ifname);
  const int errnum = send(message.get());
  if (errnum == 0 || errnum == ENODEV) return Ok{};
  return failure(ifname, "delete the interface", errnum);
}

int LinkSocket::change_address(
    int type, int flags, std::uint32_t ifindex, const IpPrefix& address
) {
  ifaddrmsg info{};
  info.ifa_family = family_of(address.address);
  info.ifa_prefixlen = address.length;
  info.ifa_index = ifindex;
  if (!address.address.is_v4()) info.ifa_flags = IFA_F_NODAD;
  Message message{type, flags, info};
  message.put(IFA_LOCAL, address.address);
  message.put(IFA_ADDRESS, address.address);
  return send(message.get());
}

Status LinkSocket::add_address(const std::string& ifname, const IpPrefix& address) {
  const std::string operation = "add address " + format(address);
  Result<std::uint32_t> ifindex = index_of(ifname, operation);
  if (!ifindex) return ifindex.error();
  const int errnum = change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, *ifindex, address);
  if (errnum == 0) return Ok{};
  return failure(ifname, operation, errnum);
}

Status LinkSocket::remove_address(const std::string& ifname, const IpPrefix& address) {
  const std::string operation = "remove address " + format(address);
  Result<std::uint32_t> ifindex = index_of(ifname, operation);
  if (!ifindex) return ifindex.error();
  const int errnum = change_address(RTM_DELADDR, 0, *ifindex, address);
  if (errnum == 0 || errnum == EADDRNOTAVAIL) return Ok{};
  return failure(ifname, operation, errnum);
}

int LinkSocket::change_route(int type, int flags, std::uint32_t ifindex, const Route& route) {
  rtmsg info{};
  info.rtm_family = family_of(route.to.address);
  info.rtm_dst_len = route.to.length;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_scope = route.via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  info.rtm_type = RTN_UNICAST;
  Message message{type, flags, info};
  if (route.to.length > 0) message.put(RTA_DST, route.to.address);
  message.put(RTA_OIF, ifindex);
  if (route.via) message.put(RTA_GATEWAY, *route.via);
  return send(message.get());
}

Status LinkSocket::add_route(const std::string& ifname, const Route& route) {
  std::string operation = "add route to " + format(route.to);
  if (route.via) operation += " via " + format(*route.via);
  if (route.via && route.via->is_v4() != route.to.address.is_v4()) {
    return Error{ifname + ": cannot " + operation + ": the gateway is of another address family"};
  }
  Result<std::uint32_t> ifindex = index_of(ifname, operation);
  if (!ifindex) return ifindex.error();
  // Our own route from an earlier attach is replaced, one over another link is not: NLM_F_REPLACE
  // would take a container's default route away from its other interface.
  (void)change_route(RTM_DELROUTE, 0, *ifindex, route);
  const int errnum = change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, *ifindex, route);
  if (errnum == 0) return Ok{};
  return failure(ifname, operation, errnum);
}

Status LinkSocket::create_veth(const std::string& host_ifname, const ContainerLink& container) {
  Message message{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}};
  const auto describe_end = [&](const std::string& ifname) {
    message.put(IFLA_IFNAME, ifname);
    message.put(IFLA_MTU, container.mtu);
    // One queue each: the default is one per CPU, and 10,000 ports would pay for them.
    message.put(IFLA_NUM_RX_QUEUES, 1);
    message.put(IFLA_NUM_TX_QUEUES, 1);
  };
  describe_end(host_ifname);
  message.nest(IFLA_LINKINFO, [&] {
    message.put(IFLA_INFO_KIND, std::string{"veth"});
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        message.append(ifinfomsg{});
        describe_end(container.ifname);
        message.put(IFLA_ADDRESS, container.mac);
        message.put(IFLA_NET_NS_FD, static_cast<std::uint32_t>(container.netns.fd()));
      });
    });
  });
  const int errnum = send(message.get());
  if (errnum == 0) return Ok{};
  const std::string where = container.netns.label();
  if (errnum == EEXIST) {
    return Error{
        container.ifname +
        ": cannot create the veth: an interface of that name exists already in " + where};
  }
  return failure(container.ifname, "create the veth in " + where, errnum);
}

Result<LinkState> LinkSocket::read(const std::string& ifname) {
  rtnl_link* link = nullptr;
  if (rtnl_link_get_kernel(socket_.get(), 0, ifname.c_str(), &link) != 0) {
    kernel_words_.clear();
    return failure(ifname, "read the interface", ENODEV);
  }
  LinkState state;
  const int ifindex = rtnl_link_get_ifindex(link);
  state.ifindex = static_cast<std::uint32_t>(ifindex);
  if (const char* kind = rtnl_link_get_type(link); kind != nullptr) state.kind = kind;
  if (const nl_addr* mac = rtnl_link_get_addr(link);
      mac != nullptr && nl_addr_get_len(mac) == state.mac.octets.size()) {
    std::memcpy(state.mac.octets.data(), nl_addr_get_binary_addr(mac), state.mac.octets.size());
  }
  state.mtu = rtnl_link_get_mtu(link);
  state.txqueuelen = rtnl_link_get_txqlen(link);
  (void)rtnl_link_get_gso_max_size(link, &state.gso_max_size);
  const unsigned flags = rtnl_link_get_flags(link);
  state.is_up = (flags & IFF_UP) != 0;
  state.has_carrier = rtnl_link_get_carrier(link) != 0;
  rtnl_link_put(link);
  state.addresses = addresses_of(socket_.get(), ifindex);
  return state;
}

}  // namespace weft
