#include "classifier/l7.h"

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "classifier/testing/l7_captures.h"
#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using l7_test::from_hex;
using wire_test::ExactBuffer;
using wire_test::Octets;
using wire_test::operator+;
using wire_test::text;
using wire_test::word16;

using Database = std::shared_ptr<const L7Database>;
constexpr auto kToServer = L7Direction::to_server;
constexpr auto kToClient = L7Direction::to_client;
constexpr auto kTcp = L7Protocol::tcp;
constexpr auto kUdp = L7Protocol::udp;

L7Pattern builtin(std::string name) {
  L7Pattern pattern;
  pattern.text = std::move(name);
  pattern.name = pattern.text;
  return pattern;
}

L7Pattern regex(std::string expression) {
  L7Pattern pattern = builtin(std::move(expression));
  pattern.kind = L7Pattern::Kind::regex;
  return pattern;
}

/// One class for each pattern, ids from 1.
L7Set set_of(const std::vector<L7Pattern>& patterns) {
  L7Set set;
  for (const L7Pattern& pattern : patterns) {
    const auto id = static_cast<std::uint8_t>(set.classes.size() + 1);
    set.classes.push_back({id, "class" + std::to_string(id), {pattern}});
  }
  return set;
}

Database compiled(const L7Set& set, std::size_t workers = 1) {
  auto result = compile_l7(set, workers);
  if (result) return *result;
  ADD_FAILURE() << result.error().message;
  return nullptr;
}

Database compiled(const std::vector<L7Pattern>& patterns) {
  return compiled(set_of(patterns));
}

L7Failure failure_of(const L7Set& set) {
  auto result = compile_l7(set, 1);
  return result ? L7Failure{"(none)"} : result.error();
}

L7State scan(
    const Database& database,
    const Octets& payload,
    L7Protocol protocol = kTcp,
    L7Direction direction = kToServer,
    L7State state = {}
) {
  const ExactBuffer buffer{payload};
  return scan_l7(*database, WorkerId{0}, {buffer.view(), protocol, direction}, state);
}

/// Is `payload` of the one class of `database`?
bool matches(
    const Database& database,
    const Octets& payload,
    L7Protocol protocol = kTcp,
    L7Direction direction = kToServer
) {
  return scan(database, payload, protocol, direction).class_id == 1;
}

/// Real payloads, what they are, and from how many octets on that is seen.
struct Sample {
  const char* builtin;
  Octets payload;
  std::size_t needs;
  L7Protocol protocol;
  L7Direction direction;
};

std::vector<Sample> samples() {
  const Octets dns = from_hex(l7_test::kDnsQuery);
  return {
      {"tls", from_hex(l7_test::kTlsWww), 11, kTcp, kToServer},
      {"tls", from_hex(l7_test::kTls12B), 11, kTcp, kToServer},
      {"http", from_hex(l7_test::kHttpGet), 5, kTcp, kToServer},
      {"http", from_hex(l7_test::kHttpPost), 6, kTcp, kToServer},
      {"http", from_hex(l7_test::kHttp2Preface), 24, kTcp, kToServer},
      {"http", text("CONNECT h.test:443 HTTP/1.1\r\n"), 26, kTcp, kToServer},
      {"http", text("HTTP/1.1 204 No Content\r\n"), 13, kTcp, kToClient},
      {"ssh", from_hex(l7_test::kSshClient), 9, kTcp, kToServer},
      {"ssh", from_hex(l7_test::kSshClient), 9, kTcp, kToClient},
      {"dns", dns, dns.size(), kUdp, kToServer},
      {"dns", word16(dns.size()) + dns, dns.size() + 2, kTcp, kToServer},
      {"dns", from_hex(l7_test::kDnsResponse), dns.size(), kUdp, kToClient},
      {"dns", from_hex(l7_test::kDnsQueryRoot), 17, kUdp, kToServer},
      {"redis", from_hex(l7_test::kRedisSet), 8, kTcp, kToServer},
      {"redis", text("ping\r\n"), 6, kTcp, kToServer},
      {"mysql", from_hex(l7_test::kMariadbGreeting), 51, kTcp, kToClient},
      {"postgres", from_hex(l7_test::kPostgresSsl), 8, kTcp, kToServer},
      {"postgres", from_hex(l7_test::kPostgresStartup), 13, kTcp, kToServer},
      {"quic", from_hex(l7_test::kQuic1Initial), 6, kUdp, kToServer},
      {"quic", from_hex(l7_test::kQuic2Initial), 6, kUdp, kToServer},
  };
}

const char* const kPlainBuiltins[] = {
    "tls", "http", "ssh", "dns", "redis", "mysql", "postgres", "quic"};

TEST(L7, EachProtocolIsSeenInItsOwnPayloadAndNoOther) {
  for (const char* name : kPlainBuiltins) {
    const Database database = compiled({builtin(name)});
    for (const Sample& sample : samples()) {
      EXPECT_EQ(
          matches(database, sample.payload, sample.protocol, sample.direction),
          std::string{name} == sample.builtin
      ) << name
        << " in " << sample.builtin << " of " << sample.payload.size() << " octets";
    }
  }
}

TEST(L7, TruncatedPayloadsAreSeenFromTheOctetThatDecides) {
  for (const Sample& sample : samples()) {
    const Database database = compiled({builtin(sample.builtin)});
    for (std::size_t size = 1; size <= sample.payload.size(); ++size) {
      const Octets part(
          sample.payload.begin(), sample.payload.begin() + static_cast<std::ptrdiff_t>(size)
      );
      EXPECT_EQ(matches(database, part, sample.protocol, sample.direction), size >= sample.needs)
          << sample.builtin << " of " << sample.payload.size() << " octets cut to " << size;
    }
  }
}

TEST(L7, AProtocolIsNotSeenInTheWrongDirectionOrTransport) {
  for (const Sample& sample : samples()) {
    const std::string name = sample.builtin;
    const Database database = compiled({builtin(name)});
    const auto other = sample.direction == kToServer ? kToClient : kToServer;
    const bool is_symmetric = name == "ssh" || name == "dns";
    EXPECT_EQ(matches(database, sample.payload, sample.protocol, other), is_symmetric) << name;
    const auto transport = sample.protocol == kTcp ? kUdp : kTcp;
    EXPECT_FALSE(matches(database, sample.payload, transport, sample.direction)) << name;
  }
}

TEST(L7, LookAlikesAreNotTakenForTheRealThing) {
  const std::pair<const char*, Octets> cases[] = {
      {"tls", Octets{0x17, 3, 3, 0, 32} + Octets(32, 1)},     // application data
      {"tls", Octets{0x16, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3}},  // a ServerHello
      {"http", text("OPTIONS sip:a@b.test SIP/2.0\r\n")},
      {"http", text("OPTIONS * RTSP/1.0\r\n")},
      {"http", text("get / HTTP/1.1\r\n")},
      {"http", text(" GET / HTTP/1.1\r\n")},
      {"ssh", text("SSH-3.0-x\r\n")},
      {"ssh", text("x SSH-2.0-x\r\n")},
      {"redis", text("*0\r\n$3\r\nSET")},
      {"redis", text("*3\r\n+OK\r\n")},
      {"redis", text("PINGS\r\n")},
      {"postgres", Octets{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2d}},
      {"postgres", Octets{0, 0, 0, 40, 0, 2, 0, 0} + text("user") + Octets{0}},
  };
  for (const auto& [name, payload] : cases) {
    EXPECT_FALSE(matches(compiled({builtin(name)}), payload))
        << name << ' ' << std::string{payload.begin(), payload.end()};
  }
  const Database quic = compiled({builtin("quic")});
  const Octets initial = from_hex(l7_test::kQuic1Initial);
  for (const auto& [at, value] :
       {std::pair{0U, 0xE0U},
        std::pair{0U, 0x40U},
        std::pair{4U, 0U},
        std::pair{5U, 7U},
        std::pair{5U, 21U}}) {  // handshake, short header, negotiation, connection id of 7 and 21
    Octets changed = initial;
    changed[at] = static_cast<std::uint8_t>(value);
    EXPECT_FALSE(matches(quic, changed, kUdp)) << at << ' ' << value;
  }
}

TEST(L7, ServerNamesMatchWhollyAndWithoutCase) {
  const Octets www = from_hex(l7_test::kTlsWww);
  const Octets deep = from_hex(l7_test::kTls12B);
  const Octets nameless = from_hex(l7_test::kTlsNoName);
  for (const char* host : {"www.example.com", "WWW.Example.Com", "*.example.com", "*.com", "*"}) {
    const Database database = compiled({builtin(std::string{"tls-sni:"} + host)});
    EXPECT_TRUE(matches(database, www)) << host;
    EXPECT_FALSE(matches(database, nameless)) << host;
    EXPECT_FALSE(matches(database, www, kTcp, kToClient)) << host;
  }
  for (const char* host :
       {"example.com",
        "ww.example.com",
        "www.example.co",
        "wwwxexample.com",
        "*.www.example.com",
        "*.ample.com"}) {
    EXPECT_FALSE(matches(compiled({builtin(std::string{"tls-sni:"} + host)}), www)) << host;
  }
  EXPECT_TRUE(matches(compiled({builtin("tls-sni:*.example.org")}), deep));
}

TEST(L7, DnsNamesMatchLikeServerNames) {
  const Octets mail = from_hex(l7_test::kDnsQueryEdns);
  EXPECT_TRUE(matches(compiled({builtin("dns:mail.example.com")}), mail, kUdp));
  EXPECT_TRUE(matches(compiled({builtin("dns:*.example.com")}), mail, kUdp));
  EXPECT_FALSE(matches(compiled({builtin("dns:www.example.com")}), mail, kUdp));
  EXPECT_TRUE(matches(compiled({builtin("dns:*")}), from_hex(l7_test::kDnsQueryRoot), kUdp));
}

TEST(L7, HttpHostsAreReadFromTheHeaderOnly) {
  const Database database = compiled({builtin("http-host:www.example.com")});
  for (const char* request :
       {"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n",
        "GET / HTTP/1.1\r\nAccept: */*\r\nhost:WWW.EXAMPLE.COM\r\n\r\n",
        "POST /a HTTP/1.1\r\nA: b\r\nC: d\r\nHOST: \twww.example.com:8080 \r\n",
        "GET / HTTP/1.0\nHost: www.example.com\n\n"}) {
    EXPECT_TRUE(matches(database, text(request))) << request;
  }
  for (const char* request :
       {"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.example.com.evil.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: xwww.example.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.example.com",  // may go on in the next packet
        "GET / HTTP/1.1\r\nX-Host: www.example.com\r\n\r\n",
        "GET /Host: www.example.com\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\n\r\nHost: www.example.com\r\n"}) {
    EXPECT_FALSE(matches(database, text(request))) << request;
  }
  EXPECT_TRUE(matches(database, from_hex(l7_test::kHttpGet)));
  EXPECT_TRUE(matches(compiled({builtin("http-host:*.example.com")}), from_hex(l7_test::kHttpPost))
  );
}

TEST(L7, HttpMethodsAreToldApart) {
  const Database post = compiled({builtin("http-method:POST")});
  EXPECT_TRUE(matches(post, from_hex(l7_test::kHttpPost)));
  EXPECT_FALSE(matches(post, from_hex(l7_test::kHttpGet)));
}

TEST(L7, RegexFlagsAreRespected) {
  const Octets payload = text("one\nTwo\nthree");
  EXPECT_FALSE(matches(compiled({regex("two")}), payload));
  EXPECT_FALSE(matches(compiled({regex("^Two")}), payload));
  EXPECT_FALSE(matches(compiled({regex("one.Two")}), payload));
  L7Pattern caseless = regex("two");
  caseless.is_caseless = true;
  EXPECT_TRUE(matches(compiled({caseless}), payload));
  L7Pattern multiline = regex("^Two$");
  multiline.is_multiline = true;
  EXPECT_TRUE(matches(compiled({multiline}), payload));
  L7Pattern across = regex("one.Two");
  across.dot_matches_newline = true;
  EXPECT_TRUE(matches(compiled({across}), payload));
}

TEST(L7, ARegexCanBeNarrowedToProtocolAndDirection) {
  L7Pattern pattern = regex("hello");
  EXPECT_TRUE(matches(compiled({pattern}), text("hello"), kUdp, kToClient));
  pattern.protocol = kTcp;
  pattern.direction = kToClient;
  const Database database = compiled({pattern});
  EXPECT_TRUE(matches(database, text("hello"), kTcp, kToClient));
  EXPECT_FALSE(matches(database, text("hello"), kTcp, kToServer));
  EXPECT_FALSE(matches(database, text("hello"), kUdp, kToClient));
}

// -- which class ------------------------------------------------------------------------------------

TEST(L7, TheFirstClassOfTheSetWins) {
  const Octets hello = from_hex(l7_test::kTlsWww);
  EXPECT_EQ(scan(compiled({builtin("tls"), builtin("tls-sni:*")}), hello).class_id, 1);
  EXPECT_EQ(scan(compiled({builtin("tls-sni:*"), builtin("tls")}), hello).class_id, 1);
  EXPECT_EQ(scan(compiled({builtin("ssh"), regex("example"), builtin("tls")}), hello).class_id, 2);
}

TEST(L7, AnEarlyMatchOfALaterClassDoesNotHideTheFirstClass) {
  const Database database = compiled({regex("tail"), regex("head"), regex("middle")});
  EXPECT_EQ(scan(database, text("head middle tail")).class_id, 1);
  EXPECT_EQ(scan(database, text("middle head")).class_id, 2);
}

TEST(L7, ClassIdsAreTheOperatorsNotPositions) {
  L7Set set = set_of({regex("a"), regex("b")});
  set.classes[0].id = 254;
  set.classes[1].id = 7;
  const Database database = compiled(set);
  EXPECT_EQ(scan(database, text("a b")).class_id, 254);
  EXPECT_EQ(scan(database, text("b")).class_id, 7);
}

TEST(L7, AnyPatternOfAClassIsEnough) {
  L7Set set;
  set.classes.push_back({1, "web", {builtin("http"), builtin("tls"), builtin("quic")}});
  const Database database = compiled(set);
  EXPECT_TRUE(matches(database, from_hex(l7_test::kHttpGet)));
  EXPECT_TRUE(matches(database, from_hex(l7_test::kTlsWww)));
  EXPECT_TRUE(matches(database, from_hex(l7_test::kQuic1Initial), kUdp));
}

TEST(L7, AThousandPatternsFit) {
  L7Set set;
  for (std::size_t i = 0; i < kMaxL7Classes; ++i) {
    L7Class one{static_cast<std::uint8_t>(i + 1), "c", {}};
    for (int j = 0; j < 4; ++j) {
      one.patterns.push_back(
          builtin("tls-sni:h" + std::to_string(i) + "-" + std::to_string(j) + ".test")
      );
    }
    set.classes.push_back(one);
  }
  set.classes[200].patterns[3] = builtin("tls-sni:www.example.com");
  const Database database = compiled(set);
  EXPECT_EQ(scan(database, from_hex(l7_test::kTlsWww)).class_id, 201);
  EXPECT_GT(l7_octets(*database), 1000U);
}

// -- budget -----------------------------------------------------------------------------------------

TEST(L7, AFlowThatShowsNothingIsNoneWhenItsPacketsAreUsedUp) {
  for (std::uint16_t packets = 1; packets <= kMaxL7Packets; ++packets) {
    L7Set set = set_of({regex("never")});
    set.budget.packets = packets;
    const Database database = compiled(set);
    L7State state;
    for (int i = 1; i < packets; ++i) {
      state = scan(database, text("x"), kTcp, i % 2 == 0 ? kToServer : kToClient, state);
      EXPECT_EQ(state.class_id, kL7Unknown) << i << " of " << packets;
    }
    state = scan(database, text("x"), kTcp, kToServer, state);
    EXPECT_EQ(state.class_id, kL7None) << packets;
  }
}

TEST(L7, AFlowThatShowsNothingIsNoneWhenItsOctetsAreUsedUp) {
  L7Set set = set_of({regex("never")});
  set.budget = {7, 1024};
  const Database database = compiled(set);
  L7State state = scan(database, Octets(512, 'x'));
  EXPECT_EQ(state.class_id, kL7Unknown);
  EXPECT_EQ(scan(database, Octets(512, 'x'), kTcp, kToServer, state).class_id, kL7None);
  state = scan(database, Octets(385, 'x'), kTcp, kToServer, state);  // a started unit is a unit
  EXPECT_EQ(state.class_id, kL7None);
}

TEST(L7, NothingIsScannedBeyondTheOctetsOfTheBudget) {
  L7Set set = set_of({regex("here")});
  set.budget.octets = 128;
  const Database database = compiled(set);
  EXPECT_EQ(scan(database, Octets(124, 'x') + text("here")).class_id, 1);
  EXPECT_EQ(scan(database, Octets(125, 'x') + text("here")).class_id, kL7None);
  EXPECT_EQ(scan(database, Octets(65535, 'x') + text("here")).class_id, kL7None);
}

TEST(L7, AMatchInTheLastPacketOfTheBudgetCounts) {
  L7Set set = set_of({regex("here")});
  set.budget.packets = 2;
  const Database database = compiled(set);
  const L7State state = scan(database, text("x"));
  EXPECT_EQ(scan(database, text("here"), kTcp, kToServer, state).class_id, 1);
}

TEST(L7, AKnownClassIsKept) {
  const Database database = compiled({regex("a"), regex("b")});
  const L7State state = scan(database, text("b"));
  EXPECT_EQ(state, (L7State{2, 0}));
  EXPECT_EQ(scan(database, text("a"), kTcp, kToServer, state), state);
  const L7State none{kL7None, 0};
  EXPECT_EQ(scan(database, text("a"), kTcp, kToServer, none), none);
}

TEST(L7, PacketsWithoutPayloadCostNothing) {
  const Database database = compiled({regex("a")});
  EXPECT_EQ(scan(database, {}), L7State{});
  const L7State state = scan(database, text("x"));
  EXPECT_EQ(scan(database, {}, kTcp, kToClient, state), state);
}

TEST(L7, PacketsThatNoPatternIsForTakeTheirShare) {
  const Database database = compiled({builtin("mysql")});  // to clients only
  L7State state;
  for (int i = 0; i < 3; ++i) state = scan(database, text("x"), kTcp, kToServer, state);
  EXPECT_EQ(state.class_id, kL7Unknown);
  EXPECT_EQ(scan(database, text("x"), kTcp, kToServer, state).class_id, kL7None);
}

TEST(L7, AProtocolThatNoPatternIsForIsNoneAtOnce) {
  const Database database = compiled({builtin("tls")});
  EXPECT_EQ(scan(database, text("x"), kUdp).class_id, kL7None);
  EXPECT_EQ(scan(database, text("x"), L7Protocol::any).class_id, kL7None);
  const Database empty = compiled(L7Set{});
  EXPECT_EQ(scan(empty, text("x")).class_id, kL7None);
  EXPECT_EQ(scan(empty, {}).class_id, kL7Unknown);
}

// As the header says: block mode.
TEST(L7, APatternAcrossTwoPacketsIsMissed) {
  const Database database = compiled({regex("split")});
  const L7State state = scan(database, text("spl"));
  EXPECT_EQ(scan(database, text("it"), kTcp, kToServer, state).class_id, kL7Unknown);
}

TEST(L7, EveryPossibleStateEndsWithinTheLargestBudget) {
  const Database database = compiled({regex("never")});
  for (unsigned left = 0; left < 256; ++left) {
    L7State state{kL7Unknown, static_cast<std::uint8_t>(left)};
    int packets = 0;
    while (!state.is_known() && packets <= kMaxL7Packets) {
      state = scan(database, text("x"), kTcp, kToServer, state);
      ++packets;
    }
    EXPECT_EQ(state.class_id, kL7None) << left;
    EXPECT_LE(packets, kMaxL7Packets) << left;
  }
}

// -- what does not compile ----------------------------------------------------------------------------

TEST(L7, ARegexThatDoesNotCompileIsRefusedWithHyperscansMessageAndItsPlace) {
  L7Set set = set_of({builtin("tls"), builtin("http")});
  set.classes[1].patterns.push_back(regex("fine"));
  set.classes[1].patterns.push_back(regex("broken(here"));
  set.classes[1].patterns[2].name = "mine";
  const L7Failure failure = failure_of(set);
  EXPECT_EQ(
      failure.message,
      "l7 class \"class2\", pattern \"mine\": Missing close parenthesis for group started at index "
      "6."
  );
  EXPECT_EQ(failure.class_index, 1U);
  EXPECT_EQ(failure.pattern_index, 2U);
}

TEST(L7, WhatHyperscanCanNotDoIsRefused) {
  L7Pattern for_udp = regex("a{3,1}");
  for_udp.protocol = kUdp;
  const std::pair<L7Pattern, const char*> cases[] = {
      {regex("(?=x)y"), "Zero-width assertions are not supported."},
      {regex(R"((a)\1)"), "Back-references are unsupported."},
      {regex("a*"), "Pattern matches empty buffer"},
      {regex(""), "Pattern matches empty buffer"},
      {for_udp, "Invalid repeat at index 1."},
  };
  for (const auto& [pattern, message] : cases) {
    const L7Failure failure = failure_of(set_of({regex("a"), regex("b"), pattern}));
    EXPECT_NE(failure.message.find(message), std::string::npos) << failure.message;
    EXPECT_EQ(failure.class_index, 2U) << pattern.text;
    EXPECT_EQ(failure.pattern_index, 0U) << pattern.text;
  }
}

// Scanning octets that are not valid UTF-8 in UTF-8 mode is undefined.
TEST(L7, NoExpressionCanSwitchToUtf8) {
  for (const char* text : {"(*UTF8)a", "(*UTF)a", "(*UCP)a"}) {
    const L7Failure failure = failure_of(set_of({regex(text)}));
    EXPECT_NE(failure.message.find("not supported"), std::string::npos) << failure.message;
  }
  EXPECT_NE(failure_of(set_of({regex("a(*UTF8)b")})).message, "(none)");
  EXPECT_NE(failure_of(set_of({regex("(?x) (*UTF8)b")})).message, "(none)");
}

TEST(L7, AZeroInsideAnExpressionIsRefusedNotCutOff) {
  const L7Failure failure = failure_of(set_of({regex(std::string{"a\0b", 3})}));
  EXPECT_NE(failure.message.find("octet 0"), std::string::npos) << failure.message;
}

TEST(L7, TextsHaveALimit) {
  compiled({regex(std::string(kMaxL7TextOctets, 'a'))});
  const L7Failure failure = failure_of(set_of({regex(std::string(kMaxL7TextOctets + 1, 'a'))}));
  EXPECT_NE(failure.message.find("1025 octets, above the limit of 1024"), std::string::npos)
      << failure.message;
}

TEST(L7, ABadBuiltinNamesItsClassAndPattern) {
  const L7Failure failure = failure_of(set_of({builtin("tls"), builtin("tls-sni")}));
  EXPECT_EQ(
      failure.message,
      "l7 class \"class2\", pattern \"tls-sni\": tls-sni needs a host: tls-sni:www.example.com"
  );
  EXPECT_EQ(failure.class_index, 1U);
}

TEST(L7, APatternThatCanNeverMatchIsRefused) {
  L7Pattern tls = builtin("tls");
  tls.protocol = kUdp;
  EXPECT_NE(failure_of(set_of({tls})).message.find("can never match"), std::string::npos);
  L7Pattern mysql = builtin("mysql");
  mysql.direction = kToServer;
  EXPECT_NE(failure_of(set_of({mysql})).message.find("can never match"), std::string::npos);
}

TEST(L7, ClassesNeedAnIdOfTheirOwnAndAPattern) {
  for (const std::uint8_t id : {kL7Unknown, kL7None, std::uint8_t{1}}) {
    L7Set set = set_of({regex("a"), regex("b")});
    set.classes[1].id = id;
    const L7Failure failure = failure_of(set);
    EXPECT_EQ(failure.class_index, 1U) << failure.message;
    EXPECT_EQ(failure.pattern_index, L7Failure::kWholeSet);
  }
  L7Set set = set_of({regex("a")});
  set.classes[0].patterns.clear();
  EXPECT_EQ(failure_of(set).message, "l7 class \"class1\": has no patterns");
}

TEST(L7, CountsHaveLimits) {
  L7Set patterns = set_of({regex("a")});
  patterns.classes[0].patterns.resize(kMaxL7Patterns + 1, regex("a"));
  EXPECT_EQ(failure_of(patterns).message, "l7: 1025 patterns are above the limit of 1024");
  EXPECT_EQ(
      failure_of(set_of(std::vector<L7Pattern>(kMaxL7Classes + 1, regex("a")))).message,
      "l7: 255 classes are above the limit of 254"
  );
}

TEST(L7, BudgetsHaveLimits) {
  for (const L7Budget budget :
       {L7Budget{0, 128}, L7Budget{8, 128}, L7Budget{1, 0}, L7Budget{1, 127}, L7Budget{1, 4096}}) {
    L7Set set = set_of({regex("a")});
    set.budget = budget;
    const L7Failure failure = failure_of(set);
    EXPECT_NE(failure.message.find("l7: a budget of "), std::string::npos) << failure.message;
    EXPECT_EQ(failure.class_index, L7Failure::kWholeSet);
  }
  L7Set set = set_of({regex("a")});
  set.budget = {kMaxL7Packets, kMaxL7Octets};
  compiled(set);
}

// -- threads ------------------------------------------------------------------------------------------

TEST(L7, WorkersShareADatabaseEachWithItsOwnScratch) {
  constexpr std::size_t kWorkers = 2;
  const Database database = compiled(
      set_of(
          {builtin("tls-sni:*.example.com"),
           builtin("http-host:www.example.com"),
           builtin("dns"),
           regex("[a-z]{5,20}x")}
      ),
      kWorkers
  );
  const std::vector<Sample> payloads = samples();
  std::vector<std::uint8_t> expected;
  for (const Sample& sample : payloads) {
    expected.push_back(scan(database, sample.payload, sample.protocol, sample.direction).class_id);
  }
  std::barrier start{static_cast<std::ptrdiff_t>(kWorkers)};
  std::vector<int> wrong(kWorkers);
  const auto work = [&](std::size_t worker) {
    start.arrive_and_wait();
    int count = 0;
    for (std::size_t i = 0; i < 20'000; ++i) {
      const Sample& sample = payloads[(i + worker) % payloads.size()];
      const L7Packet packet{sample.payload, sample.protocol, sample.direction};
      const WorkerId id{static_cast<std::uint16_t>(worker)};
      const L7State state = scan_l7(*database, id, packet, {});
      count += state.class_id == expected[(i + worker) % payloads.size()] ? 0 : 1;
    }
    wrong[worker] = count;
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t worker = 0; worker < kWorkers; ++worker) threads.emplace_back(work, worker);
  }
  EXPECT_EQ(wrong, std::vector<int>(kWorkers));
}

}  // namespace
}  // namespace weft::classifier
