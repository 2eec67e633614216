#include "classifier/l7_builtin.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace weft::classifier {
namespace {

using Argument = L7Builtin::Argument;
using Expansion = Result<std::vector<L7Expression>>;

constexpr L7Builtin kBuiltins[] = {
    {"tls", Argument::none, "a TLS ClientHello"},
    {"tls-sni", Argument::host, "a TLS ClientHello for a server name"},
    {"http", Argument::none, "HTTP/1 requests and responses, the HTTP/2 preface"},
    {"http-method", Argument::method, "HTTP/1 requests with a method"},
    {"http-host", Argument::host, "HTTP/1 requests for a host"},
    {"ssh", Argument::none, "SSH identification, either side"},
    {"dns", Argument::optional_host, "DNS messages, all or for a name"},
    {"redis", Argument::none, "Redis commands"},
    {"mysql", Argument::none, "the greeting of a MySQL or MariaDB server"},
    {"postgres", Argument::none, "PostgreSQL start-up requests"},
    {"quic", Argument::none, "QUIC Initial packets of clients"},
};

// Record header of a handshake (22, version 3.x), handshake header of a ClientHello below 64 KB (1),
// client_version. Lengths can be anything.
constexpr std::string_view kTls = R"(^\x16\x03[\x00-\x04]..\x01\x00..\x03[\x00-\x03])";

// The method and how its target must begin (RFC 9112 §3.2): the version at the end of the line would be
// proof, but long targets put it into the next packet. RTSP and SIP have some of the methods, and none of
// the targets.
constexpr std::string_view kHttpRequest =
    R"(^(?:(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE) (?:/|https?://))"
    R"(|OPTIONS \* HTTP/1\.|CONNECT [^ \r\n]{1,255}:[0-9]{1,5} HTTP/1\.))";
constexpr std::string_view kHttpResponse = R"(^HTTP/1\.[01] [1-5][0-9][0-9][ \r\n])";
constexpr std::string_view kHttp2Preface =
    R"(^PRI \* HTTP/2\.0\r\n\r\nSM\r\n\r\n)";  // RFC 9113 §3.4

// A request line and further whole lines, none of them empty: never past the header. RFC 9112 §2.2: a
// recipient may take a lone LF as the end of a line.
constexpr std::string_view kHttpBeforeHost =
    R"(^[A-Z-]{1,20} [^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*[Hh][Oo][Ss][Tt]:[ \t]*)";
constexpr std::string_view kHttpAfterHost = R"((?::[0-9]{1,5})?[ \t]*\r?\n)";

constexpr std::string_view kSsh = R"(^SSH-(?:2\.0|1\.[0-9]{1,2})-[\x21-\x7e])";

// An array of bulk strings, the only form clients use but for PING (by load balancers).
constexpr std::string_view kRedisCommand = R"(^\*[1-9][0-9]{0,6}\r\n\$[1-9][0-9]{0,8}\r\n)";
constexpr std::string_view kRedisPing = R"(^(?i:PING)\r\n)";

// Packet of less than 256 octets, sequence 0, protocol 10, version text, thread id (4), first part of
// the scramble (8), a zero.
constexpr std::string_view kMysql = R"(^.\x00\x00\x00\x0a[0-9][\x20-\x7e]{0,127}\x00.{12}\x00)";

// Length, protocol 3.x, "user" or another parameter name; or one of the three requests without version.
constexpr std::string_view kPostgres =
    R"(^\x00\x00(?:..\x00\x03\x00[\x00-\x02][a-z_]{1,63}\x00)"
    R"(|\x00\x08\x04\xd2\x16[\x2f\x30]|\x00\x10\x04\xd2\x16\x2e))";

// Long header, type Initial, version, a destination connection id of 8 to 20 octets (RFC 9000 §17.2.2
// and §7.2). The lower half of the first octet is protected. Version 2: RFC 9369 §3.
constexpr std::string_view kQuic1 = R"(^[\xc0-\xcf]\x00\x00\x00\x01[\x08-\x14])";
constexpr std::string_view kQuic2 = R"(^[\xd0-\xdf]\x6b\x33\x43\xcf[\x08-\x14])";

L7Expression expression(std::string_view regex, std::uint8_t where) {
  L7Expression made;
  made.regex = regex;
  made.where = where;
  return made;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Dots stand between labels of 1 to 63 letters, digits, '-' and '_' (SRV and the like have it).
bool is_host_name(std::string_view name) {
  if (name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    const bool is_dot = c == '.';
    if (is_dot ? label == 0 : !is_letter_or_digit(c) && c != '-' && c != '_') return false;
    label = is_dot ? 0 : label + 1;
    if (label > 63) return false;
  }
  return label != 0;
}

/// The expression for HOST, without anchors; nullopt if it is neither name, "*.name" nor "*".
std::optional<std::string> host_regex(std::string_view host) {
  if (host == "*") return std::string{R"([^\r\n]+)"};
  std::string regex;
  if (host.substr(0, 2) == "*.") {
    regex = R"((?:[^.\r\n]+\.)+)";
    host.remove_prefix(2);
  }
  if (!is_host_name(host)) return std::nullopt;
  for (const char c : host) regex += c == '.' ? std::string{R"(\.)"} : std::string{c};
  return regex;
}

/// Over a name that was read from the payload. A dot at the end (absolute names) is allowed.
L7Expression name_expression(const std::string& host, L7Input input, std::uint8_t where) {
  L7Expression made = expression("^" + host + R"(\.?\z)", where);
  made.input = input;
  made.is_caseless = true;
  return made;
}

/// HOST is checked already.
Expansion expand_host(std::string_view builtin, const std::string& host) {
  if (builtin == "tls-sni") {
    return std::vector{name_expression(host, L7Input::server_name, kL7TcpToServer)};
  }
  if (builtin == "http-host") {
    const std::string regex =
        std::string{kHttpBeforeHost} + "(?i:" + host + R"(\.?))" + std::string{kHttpAfterHost};
    return std::vector{expression(regex, kL7TcpToServer)};
  }
  return std::vector{name_expression(host, L7Input::dns_name, kL7Everywhere)};
}

Expansion expand_plain(std::string_view builtin) {
  std::vector<L7Expression> made;
  if (builtin == "tls") {
    made = {expression(kTls, kL7TcpToServer)};
  } else if (builtin == "http") {
    made = {
        expression(kHttpRequest, kL7TcpToServer),
        expression(kHttp2Preface, kL7TcpToServer),
        expression(kHttpResponse, kL7TcpToClient)};
  } else if (builtin == "ssh") {
    made = {expression(kSsh, kL7Tcp)};
  } else if (builtin == "dns") {
    made = {expression(".", kL7Everywhere)};
    made[0].input = L7Input::dns_name;
  } else if (builtin == "redis") {
    made = {expression(kRedisCommand, kL7TcpToServer), expression(kRedisPing, kL7TcpToServer)};
  } else if (builtin == "mysql") {
    made = {expression(kMysql, kL7TcpToClient)};
  } else if (builtin == "postgres") {
    made = {expression(kPostgres, kL7TcpToServer)};
  } else if (builtin == "quic") {
    made = {expression(kQuic1, kL7UdpToServer), expression(kQuic2, kL7UdpToServer)};
  }
  return made;
}

Expansion expand_method(std::string_view method) {
  const bool is_method = !method.empty() && method.size() <= 20 &&
                         std::all_of(method.begin(), method.end(), [](char c) {
                           return (c >= 'A' && c <= 'Z') || c == '-';
                         });
  if (!is_method) {
    return Error{"\"" + std::string{method} + "\" is no HTTP method: 1 to 20 capital letters"};
  }
  return std::vector{expression("^" + std::string{method} + R"( [^ \r\n])", kL7TcpToServer)};
}

std::string names_of_all() {
  std::string names;
  for (const L7Builtin& builtin : kBuiltins) {
    names += (names.empty() ? "" : ", ") + std::string{builtin.name};
  }
  return names;
}

}  // namespace

std::span<const L7Builtin> l7_builtins() noexcept {
  return kBuiltins;
}

Result<std::vector<L7Expression>> expand_l7_builtin(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool has_argument = colon != std::string_view::npos;
  const std::string name{text.substr(0, colon)};
  const std::string argument{has_argument ? text.substr(colon + 1) : std::string_view{}};
  const auto* builtin =
      std::find_if(std::begin(kBuiltins), std::end(kBuiltins), [&](const L7Builtin& candidate) {
        return candidate.name == name;
      });
  if (builtin == std::end(kBuiltins)) {
    return Error{"there is no built-in \"" + name + "\"; there are " + names_of_all()};
  }
  if (!has_argument) {
    if (builtin->argument == Argument::host) {
      return Error{name + " needs a host: " + name + ":www.example.com"};
    }
    if (builtin->argument == Argument::method) {
      return Error{name + " needs a method: " + name + ":GET"};
    }
    return expand_plain(name);
  }
  if (builtin->argument == Argument::none) return Error{name + " takes no argument"};
  if (builtin->argument == Argument::method) return expand_method(argument);
  const std::optional<std::string> host = host_regex(argument);
  if (!host) {
    return Error{
        "\"" + argument + "\" is no host: a name like www.example.com, *.example.com or *"};
  }
  return expand_host(name, *host);
}

}  // namespace weft::classifier
