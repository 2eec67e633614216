// Names in first payloads: the server a TLS client asks for, the name a DNS message is about.
//
// Both lie behind length fields in nested structures, so each is read by a small parser with every step
// bounded by the payload and by the length around it. Adding octets to the end of a payload never changes
// an answer other than nullopt: what a truncated packet shows is right. No state, no heap: called by
// workers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.h"

namespace weft::classifier {

/// The host_name of the server_name extension (RFC 6066 §3) of a TLS ClientHello (RFC 8446 §4.1.2) that
/// starts with the payload's first octet: 1 to 255 octets inside `payload`, as sent. The hello may be
/// longer than the payload, provided that the name lies inside. nullopt: no ClientHello, no such
/// extension, or not all of it here.
[[nodiscard]] std::optional<ConstBytes> tls_server_name(ConstBytes payload) noexcept;

/// A name as text: labels with dots between them, "." for the root. A dot inside a label shows as an
/// octet 0, so that it can not be taken for a border. At most 253 octets: 255 on the wire (RFC 1035
/// §2.3.4) count the length before the first label and the root's.
struct DnsName {
  std::array<std::uint8_t, 255> octets;  // the first `size` of them are set
  std::size_t size{};
  [[nodiscard]] ConstBytes view() const noexcept { return {octets.data(), size}; }
};

/// The name in the question of a DNS message (RFC 1035 §4.1) that starts with the first octet: a standard
/// query without answers, or a response, with exactly one question of a known class. nullopt: anything
/// else, or the question is not wholly here.
[[nodiscard]] std::optional<DnsName> dns_question_name(ConstBytes message) noexcept;

/// The same over TCP: a message after its 2 octets of length (RFC 1035 §4.2.2).
[[nodiscard]] std::optional<DnsName> dns_question_name_tcp(ConstBytes payload) noexcept;

}  // namespace weft::classifier
