// Built-in L7 patterns: protocols by name, so that nobody has to write "^\x16\x03[\x00-\x04]" himself.
//
//   tls                  a TLS ClientHello (RFC 8446 §4.1.2)
//   tls-sni:HOST         ... for that server name (RFC 6066 §3)
//   http                 an HTTP/1 request or response, the HTTP/2 connection preface (RFC 9112, RFC 9113)
//   http-method:METHOD   an HTTP/1 request with that method
//   http-host:HOST       an HTTP/1 request for that host
//   ssh                  the identification string, either direction (RFC 4253 §4.2)
//   dns, dns:HOST        a DNS query or response with one question [for that name], UDP or TCP (RFC 1035)
//   redis                a Redis command (RESP array, or inline PING)
//   mysql                the greeting of a MySQL or MariaDB server
//   postgres             a PostgreSQL start-up, SSL, GSS or cancel request
//   quic                 a QUIC Initial packet of a client, versions 1 and 2 (RFC 9000, RFC 9369)
//
// HOST is a name, any name below one ("*.example.com": www.example.com and a.b.example.com, but not
// example.com itself) or "*"; case does not matter.
//
// Each becomes expressions for Hyperscan, over the payload or over a name that l7_names.h reads
// from it. Names in TLS and DNS are length-prefixed in nested structures, which expressions can not follow.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"

namespace weft::classifier {

/// What an expression is matched against.
enum class L7Input : std::uint8_t {
  payload,
  server_name,  // in a TLS ClientHello to a server, over TCP
  dns_name      // asked for in a DNS message, over UDP or TCP; "." is the root
};

/// Which packets an expression is for: a set of (protocol, direction).
enum L7Where : std::uint8_t {
  kL7TcpToServer = 1,
  kL7TcpToClient = 2,
  kL7UdpToServer = 4,
  kL7UdpToClient = 8,
  kL7Tcp = kL7TcpToServer | kL7TcpToClient,
  kL7Udp = kL7UdpToServer | kL7UdpToClient,
  kL7Everywhere = kL7Tcp | kL7Udp
};

struct L7Expression {
  std::string regex;
  L7Input input{L7Input::payload};
  std::uint8_t where = kL7Everywhere;  // L7Where, any number of them
  bool is_caseless{};
  bool dot_matches_newline = true;
  bool is_multiline{};
};

/// One row of the list above.
struct L7Builtin {
  enum class Argument : std::uint8_t { none, optional_host, host, method };
  std::string_view name;
  Argument argument{Argument::none};
  std::string_view summary;  // half a sentence for `help` and `show l7`
};

/// All of them, in the order of the list above.
[[nodiscard]] std::span<const L7Builtin> l7_builtins() noexcept;

/// The expressions that "name" or "name:argument" stands for: at least one. The error is half a sentence.
[[nodiscard]] Result<std::vector<L7Expression>> expand_l7_builtin(std::string_view text);

}  // namespace weft::classifier
