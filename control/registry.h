// Registry: every change of the desired state, validated against it, and what it makes dirty.
//
// Pure bookkeeping: no device is opened here and no snapshot is built. Each verb validates first
// and only then writes, so a refused verb changed nothing. Where the machine has a say (a device
// may not open), the verb is two functions: `admit_` judges and answers where the object will go,
// `put_` writes it once the machine agreed. An `add` of what exists with the same properties is a
// no-op.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/dirty.h"
#include "control/failure.h"
#include "control/index_pool.h"
#include "control/model.h"

namespace weft::control {

inline constexpr std::uint16_t kMaxSegments = 65534;       // kNoSegment and one spare
inline constexpr std::uint32_t kMaxEndpoints = 1U << 20U;  // Destination has room for 2^30
inline constexpr std::uint32_t kMaxTunnels = 1U << 20U;
/// Inner MTU of a segment without tunnels, unless it says otherwise.
inline constexpr std::uint16_t kLocalMtu = 1500;

/// A judged object: where it will go, or where it already is.
template <typename Index>
struct Admission {
  Index index;
  bool exists{};  // with the same properties
};

class Registry {
 public:
  [[nodiscard]] const Model& model() const noexcept { return model_; }
  /// What changed since the caller last cleared it.
  [[nodiscard]] Dirty& dirty() noexcept { return dirty_; }

  // -- ports -------------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Admission<UplinkIndex>> admit_port(const PortConfig& config) const;
  /// Precondition: admitted, and not existing. `mtu`: octets of an IP packet, in force.
  void put_port(const PortConfig& config, UplinkIndex index, std::uint16_t mtu);
  [[nodiscard]] Outcome<UplinkIndex> remove_port(const std::string& name);

  // -- tenants -----------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Ok> add_tenant(const TenantConfig& config);
  [[nodiscard]] Outcome<Ok> remove_tenant(const std::string& name);

  // -- segments ----------------------------------------------------------------------------------
  [[nodiscard]] Outcome<SegmentIndex> add_segment(const SegmentConfig& config);
  /// Replaces the properties of the segment of that name; the tenant stays.
  [[nodiscard]] Outcome<Ok> set_segment(const SegmentConfig& config);
  /// With its remotes; refused while endpoints are attached.
  [[nodiscard]] Outcome<SegmentIndex> remove_segment(const std::string& name);

  // -- remotes -----------------------------------------------------------------------------------
  /// Merges the endpoints into a remote that exists.
  [[nodiscard]] Outcome<TunnelIndex> add_remote(const RemoteConfig& config);
  [[nodiscard]] Outcome<TunnelIndex> remove_remote(
      const std::string& segment, const IpAddress& vtep
  );

  // -- endpoints ---------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Admission<EndpointIndex>> admit_endpoint(const EndpointConfig& config
  ) const;
  /// Inner MTU that the endpoint gets. Precondition: admitted.
  [[nodiscard]] std::uint16_t mtu_of(const EndpointConfig& config) const;
  /// Precondition: admitted, and not existing.
  void put_endpoint(const EndpointConfig& config, EndpointIndex index, WorkerId owner);
  /// Precondition: there is such an endpoint.
  void remove_endpoint(EndpointIndex index);
  /// The endpoint's interface vanished or came back: what depends on its port is dirty.
  void touch_endpoint(EndpointIndex index);
  /// An endpoint that was gone has an interface again, with this MTU.
  void reopen_endpoint(EndpointIndex index, std::uint16_t mtu);

 private:
  [[nodiscard]] Outcome<std::uint16_t> check_transport(
      const SegmentConfig& config, std::optional<SegmentIndex> self
  ) const;
  [[nodiscard]] Outcome<std::uint16_t> check_mtu(
      const SegmentConfig& config, std::uint16_t transport_mtu
  ) const;
  [[nodiscard]] std::optional<Failure> check_members(
      const SegmentRecord& segment, const SegmentConfig& config
  ) const;
  [[nodiscard]] Outcome<NextHop> route(const IpAddress& local_vtep, const IpAddress& remote) const;
  [[nodiscard]] std::optional<Failure> check_remote_endpoints(
      const SegmentRecord& segment, const RemoteConfig& config, const RemoteRecord* existing
  ) const;
  [[nodiscard]] std::string holder_name(Destination holder) const;

  void put_transport(const SegmentConfig& config, SegmentIndex index);
  void drop_transport(const SegmentConfig& config);
  void put_next_hop(RemoteRecord& remote, const NextHop& next_hop);
  void drop_next_hop(const RemoteRecord& remote);
  void put_holder(
      SegmentRecord& segment,
      Destination holder,
      const MacAddress& mac,
      const std::vector<IpAddress>& addresses
  );
  void drop_holder(
      SegmentRecord& segment, const MacAddress& mac, const std::vector<IpAddress>& addresses
  );
  void drop_remote(TunnelIndex index);

  Model model_;
  Dirty dirty_;
  IndexPool<SegmentIndex> segment_indices_{kMaxSegments};
  IndexPool<EndpointIndex> endpoint_indices_{kMaxEndpoints};
  IndexPool<TunnelIndex> tunnel_indices_{kMaxTunnels};
};

}  // namespace weft::control
