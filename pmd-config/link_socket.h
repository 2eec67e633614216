// LinkSocket: rtnetlink requests as functions, for code that already runs inside a namespace.
//
// link.h is for everybody else. Port kinds that create devices use this one, because they want several
// steps in one visit. Every request asks for an acknowledgement and waits for it: Ok means that the
// kernel did it.
//
// Requests are written as raw rtnetlink attributes: libnl 3.7 knows no setter for gso_max_size, and one
// style for all of them reads better than two. Reading goes through libnl's objects.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/net/addr.h"
#include "pmd-config/link.h"

struct nl_msg;
struct nl_sock;

namespace weft {

/// One rtnetlink conversation in the namespace of the thread that opened it. One user at a time.
class LinkSocket {
 public:
  [[nodiscard]] static Result<LinkSocket> open();

  struct Attributes {
    std::optional<MacAddress> mac;
    std::optional<std::uint32_t> mtu;
    std::optional<std::uint32_t> txqueuelen;
    std::optional<std::uint32_t> gso_max_size;
  };
  [[nodiscard]] Status set_attributes(const std::string& ifname, const Attributes& attributes);
  [[nodiscard]] Status set_up(const std::string& ifname, bool is_up);
  [[nodiscard]] Status add_address(const std::string& ifname, const IpPrefix& address);
  [[nodiscard]] Status remove_address(const std::string& ifname, const IpPrefix& address);
  [[nodiscard]] Status add_route(const std::string& ifname, const Route& route);
  [[nodiscard]] Status remove(const std::string& ifname);
  [[nodiscard]] Result<LinkState> read(const std::string& ifname);

  /// A veth pair, one queue each way: `host_ifname` here, the other end at once in the container's
  /// namespace with its final name, MAC and MTU. Both are down.
  [[nodiscard]] Status create_veth(const std::string& host_ifname, const ContainerLink& container);

 private:
  struct Closer {
    void operator()(nl_sock* socket) const noexcept;
  };
  explicit LinkSocket(std::unique_ptr<nl_sock, Closer> socket) : socket_{std::move(socket)} {}

  /// Sends the request and waits for its acknowledgement. 0 or errno; the kernel's own words, if any,
  /// are then in `kernel_words_`.
  [[nodiscard]] int send(nl_msg* message);
  [[nodiscard]] Error failure(const std::string& ifname, const std::string& operation, int errnum);
  [[nodiscard]] Result<std::uint32_t> index_of(
      const std::string& ifname, const std::string& operation
  );
  [[nodiscard]] int change_address(
      int type, int flags, std::uint32_t ifindex, const IpPrefix& address
  );
  [[nodiscard]] int change_route(int type, int flags, std::uint32_t ifindex, const Route& route);

  std::unique_ptr<nl_sock, Closer> socket_;
  std::string kernel_words_;
};

}  // namespace weft
