// What an encapsulation has to provide, and the one place that maps a Kind to the type providing
// it.
//
// An encapsulation is a struct of static functions (vxlan.h, nvgre.h): pure octets, no state, no
// virtual call. with_protocol() turns a run-time Kind into that type once, so that everything
// behind it, header size included, is a compile-time constant.
//
// Used inside encap/ only: everybody else includes tunnel.h and outer.h.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "encap/nvgre.h"
#include "encap/outer.h"
#include "encap/tunnel.h"
#include "encap/vxlan.h"

namespace weft::encap {

template <typename P>
concept Protocol = requires(
    ConstBytes frame,
    std::uint8_t* octets,
    const ParsedFrame& outer,
    const DecapConfig& config,
    const OuterSpec& spec,
    Vni vni
) {
  // The name in configuration and in `show`.
  { P::kName } -> std::convertible_to<std::string_view>;
  // The outer IP header's protocol or next header.
  { P::kIpProto } -> std::convertible_to<std::uint8_t>;
  // Octets between the outer IP header and the inner frame.
  { P::kHeaderOctets } -> std::convertible_to<std::size_t>;
  // Whether a segment may ask to keep 802.1Q tags of inner frames.
  { P::kMayKeepInnerVlan } -> std::convertible_to<bool>;
  // Whether a segment may use this identifier.
  { P::is_usable(vni) } -> std::same_as<bool>;
  // Receive: a frame whose outer header carries kIpProto. See decap() in tunnel.h.
  { P::decode(frame, std::size_t{}, outer, config, bool{}) } -> std::same_as<Decapped>;
  // Transmit, in control: the constant part of the kHeaderOctets octets at `octets`.
  { P::encode(octets, spec) } -> std::same_as<void>;
  // Transmit, in the worker: what depends on the packet. `payload`: header and inner frame, octets.
  { P::patch(octets, std::uint16_t{}, std::uint32_t{}) } -> std::same_as<void>;
};

/// Calls `use(P{})` with the Protocol type of `kind` and answers what it answers.
template <typename Use>
[[nodiscard]] inline decltype(auto) with_protocol(Kind kind, Use&& use) noexcept {
  static_assert(Protocol<Vxlan> && Protocol<Nvgre>);
  switch (kind) {
    case Kind::vxlan:
      return use(Vxlan{});
    case Kind::nvgre:
      return use(Nvgre{});
  }
  __builtin_unreachable();
}

}  // namespace weft::encap
