#include "pmd-config/memif_port.h"

#include <utility>

namespace weft {

Result<std::unique_ptr<Port>> open_memif(
    const std::string& name, const std::string& socket, const PacketPools& pools
) {
  auto port = std::make_unique<MemifPort>(name, pools);
  if (Status listening = port->listen(socket); !listening) return listening.error();
  return std::unique_ptr<Port>{std::move(port)};
}

MemifPort::MemifPort(std::string name, const PacketPools& pools)
    : Port{std::move(name), PortTraits{.takes_offloads = false, .takes_chains = true, .max_frame = kMaxFrame}},
      pools_{pools} {}

Status MemifPort::listen(const std::string& socket) {
  Result<std::unique_ptr<MemifControl>> control = MemifControl::listen(name(), socket, link_);
  if (!control) return control.error();
  control_ = std::move(*control);
  return Ok{};
}

std::uint16_t MemifPort::rx_burst(rte_mbuf** out, std::uint16_t max) noexcept {
  const auto link = link_.enter();
  return link ? link->rx(out, max, pools_, losses) : std::uint16_t{0};
}

std::uint16_t MemifPort::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  const auto link = link_.enter();
  return link ? link->tx(frames, count) : std::uint16_t{0};
}

}  // namespace weft
