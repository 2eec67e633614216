#include "classifier/l7_names.h"

#include <algorithm>

namespace weft::classifier {
namespace {

/// Reads forward through octets; past the end it gives zeroes and is_good() is false from then on.
class Reader {
 public:
  explicit Reader(ConstBytes octets) noexcept : rest_{octets} {}

  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
  /// Everything not read yet.
  [[nodiscard]] ConstBytes rest() const noexcept { return rest_; }

  [[nodiscard]] std::size_t u8() noexcept {
    const ConstBytes octets = take(1);
    return octets.empty() ? 0 : octets[0];
  }
  [[nodiscard]] std::size_t u16() noexcept {
    const auto* word = header_at<Be16>(take(sizeof(Be16)), 0);
    return word == nullptr ? 0 : word->host();
  }
  /// The next `count` octets; empty and no longer good if they are not there.
  [[nodiscard]] ConstBytes take(std::size_t count) noexcept {
    if (count > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const ConstBytes octets = rest_.first(count);
    rest_ = rest_.subspan(count);
    return octets;
  }
  void skip(std::size_t count) noexcept { static_cast<void>(take(count)); }
  /// What follows is `count` octets long, of which the payload may end earlier.
  void narrow(std::size_t count) noexcept { rest_ = rest_.first(std::min(count, rest_.size())); }

 private:
  ConstBytes rest_;
  bool is_good_ = true;
};

// RFC 8446 §5.1 and §4; RFC 6066 §3.
constexpr std::size_t kTlsHandshakeRecord = 22;
constexpr std::size_t kTlsClientHello = 1;
constexpr std::size_t kTlsMajorVersion = 3;  // SSL 3.0 to TLS 1.3
constexpr std::size_t kTlsRandomOctets = 32;
constexpr std::size_t kExtensionServerName = 0;
constexpr std::size_t kNameTypeHost = 0;
constexpr std::size_t kMaxHostOctets = 255;

/// A reader that stands before the extensions of a ClientHello; nullopt if this is none. It is no longer
/// good if the payload ends before them.
std::optional<Reader> client_hello_extensions(ConstBytes payload) noexcept {
  Reader reader{payload};
  if (reader.u8() != kTlsHandshakeRecord || reader.u8() != kTlsMajorVersion) return std::nullopt;
  reader.skip(1);  // minor version
  reader.narrow(reader.u16());
  if (reader.u8() != kTlsClientHello) return std::nullopt;
  const std::size_t high = reader.u8();
  reader.narrow((high << 16U) | reader.u16());
  if (reader.u8() != kTlsMajorVersion) return std::nullopt;
  reader.skip(1 + kTlsRandomOctets);
  reader.skip(reader.u8());   // legacy_session_id
  reader.skip(reader.u16());  // cipher_suites
  reader.skip(reader.u8());   // legacy_compression_methods
  reader.narrow(reader.u16());
  return reader;
}

// RFC 1035 §4.1.1: bits of the second word of the header.
constexpr std::size_t kDnsResponse = 0x8000;
// A query sets nothing but RD, AD and CD (RFC 4035 §3): opcode, rcode, AA, TC, RA and Z are zero.
constexpr std::size_t kDnsZeroInQueries = 0xFFFF & ~std::size_t{0x0130};
constexpr std::size_t kDnsZeroInResponses = 0x7840;  // opcode and Z
constexpr std::size_t kDnsMaxQueryAdditional = 2;    // EDNS(0) (RFC 6891) and a TSIG (RFC 8945)
constexpr std::size_t kDnsMaxLabelOctets = 63;

bool is_dns_class(std::size_t value) noexcept {
  constexpr std::size_t kInternet = 1;
  constexpr std::size_t kChaos = 3;  // "version.bind"
  constexpr std::size_t kHesiod = 4;
  constexpr std::size_t kAny = 255;
  constexpr std::size_t kUnicastResponse = 0x8000;  // multicast DNS, RFC 6762 §5.4
  const std::size_t plain = value & ~kUnicastResponse;
  return plain == kInternet || plain == kChaos || plain == kHesiod || value == kAny;
}

/// The labels up to the root's. Compression (RFC 1035 §4.1.4) has nothing to point to in a first name.
std::optional<DnsName> read_name(Reader& reader) noexcept {
  DnsName name;
  while (const std::size_t count = reader.u8()) {
    if (count > kDnsMaxLabelOctets) return std::nullopt;
    const std::size_t before = name.size;
    // Length octets and the root's: 2 more on the wire than the text has.
    if (before + (before == 0 ? 0U : 1U) + count + 2 > name.octets.size()) return std::nullopt;
    if (before != 0) name.octets[name.size++] = '.';
    for (const std::uint8_t octet : reader.take(count)) {
      name.octets[name.size++] = octet == '.' ? std::uint8_t{0} : octet;
    }
  }
  if (!reader.is_good()) return std::nullopt;
  if (name.size == 0) name.octets[name.size++] = '.';
  return name;
}

}  // namespace

std::optional<ConstBytes> tls_server_name(ConstBytes payload) noexcept {
  std::optional<Reader> reader = client_hello_extensions(payload);
  // Each round takes at least 4 octets, so the payload bounds their number.
  while (reader && reader->is_good() && !reader->is_at_end()) {
    const std::size_t type = reader->u16();
    const std::size_t size = reader->u16();
    if (type != kExtensionServerName) {
      reader->skip(size);
      continue;
    }
    reader->narrow(size);
    reader->narrow(reader->u16());  // server_name_list: clients send one name, of type host
    if (reader->u8() != kNameTypeHost) return std::nullopt;
    const std::size_t count = reader->u16();
    const ConstBytes name = reader->take(count);
    if (!reader->is_good() || name.empty() || count > kMaxHostOctets) return std::nullopt;
    return name;
  }
  return std::nullopt;
}

std::optional<DnsName> dns_question_name(ConstBytes message) noexcept {
  Reader reader{message};
  reader.skip(2);  // ID
  const std::size_t flags = reader.u16();
  const std::size_t questions = reader.u16();
  const std::size_t answers = reader.u16();
  const std::size_t authority = reader.u16();
  const std::size_t additional = reader.u16();
  if (!reader.is_good() || questions != 1) return std::nullopt;
  const bool is_response = (flags & kDnsResponse) != 0;
  if ((flags & (is_response ? kDnsZeroInResponses : kDnsZeroInQueries)) != 0) return std::nullopt;
  if (!is_response && (answers + authority != 0 || additional > kDnsMaxQueryAdditional)) {
    return std::nullopt;
  }
  const std::optional<DnsName> name = read_name(reader);
  if (!name) return std::nullopt;
  const std::size_t type = reader.u16();
  const std::size_t record_class = reader.u16();
  if (!reader.is_good() || type == 0 || !is_dns_class(record_class)) return std::nullopt;
  return name;
}

std::optional<DnsName> dns_question_name_tcp(ConstBytes payload) noexcept {
  Reader reader{payload};
  reader.narrow(reader.u16());
  return dns_question_name(reader.rest());
}

}  // namespace weft::classifier
