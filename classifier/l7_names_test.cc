#include "classifier/l7_names.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

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

std::string server_name(const Octets& payload) {
  const ExactBuffer buffer{payload};
  const auto name = tls_server_name(buffer.view());
  return name ? std::string{name->begin(), name->end()} : "-";
}

std::string dns_name(const Octets& message) {
  const ExactBuffer buffer{message};
  const auto name = dns_question_name(buffer.view());
  if (!name) return "-";
  const ConstBytes octets = name->view();
  return {octets.begin(), octets.end()};
}

Octets octet(std::size_t value) {
  return {static_cast<std::uint8_t>(value)};
}

/// A ClientHello with these extensions, lengths all right.
Octets client_hello(const Octets& extensions) {
  const Octets body = Octets{3, 3} + Octets(32, 0xAA) + octet(0) + word16(2) + Octets{0x13, 1} +
                      Octets{1, 0} + word16(extensions.size()) + extensions;
  return Octets{22, 3, 1} + word16(body.size() + 4) + Octets{1, 0} + word16(body.size()) + body;
}

Octets extension(std::size_t type, const Octets& data) {
  return word16(type) + word16(data.size()) + data;
}

Octets server_name_extension(const Octets& host, std::size_t type = 0) {
  const Octets entry = octet(type) + word16(host.size()) + host;
  return extension(0, word16(entry.size()) + entry);
}

/// A DNS message with one question.
Octets dns(std::size_t flags, const Octets& name, const Octets& rest = {0, 1, 0, 1}) {
  return Octets{0x12, 0x34} + word16(flags) + Octets{0, 1, 0, 0, 0, 0, 0, 0} + name + rest;
}

Octets label(const std::string& characters) {
  return octet(characters.size()) + text(characters);
}

const Octets kWww = label("www") + octet(0);

TEST(TlsServerName, IsReadFromRealClients) {
  EXPECT_EQ(server_name(from_hex(l7_test::kTlsWww)), "www.example.com");
  EXPECT_EQ(server_name(from_hex(l7_test::kTls12B)), "a.b.example.org");
}

TEST(TlsServerName, IsAbsentWhereTheClientSendsNone) {
  EXPECT_EQ(server_name(from_hex(l7_test::kTlsNoName)), "-");
  EXPECT_EQ(server_name(client_hello({})), "-");
  EXPECT_EQ(server_name(client_hello(extension(0, {}))), "-");
}

TEST(TlsServerName, IsFoundAfterOtherExtensions) {
  const Octets others = extension(0x0A0A, {}) + extension(16, Octets(300, 7));
  EXPECT_EQ(server_name(client_hello(others + server_name_extension(text("h.test")))), "h.test");
}

// Either the whole name is there or none: never a part of it.
TEST(TlsServerName, NeverComesFromATruncatedHello) {
  const Octets hello = from_hex(l7_test::kTlsWww);
  const std::string needle = "www.example.com";
  const auto found = std::search(hello.begin(), hello.end(), needle.begin(), needle.end());
  const auto end = static_cast<std::size_t>(found - hello.begin()) + needle.size();
  for (std::size_t size = 0; size < hello.size(); ++size) {
    const ExactBuffer buffer{hello, size};
    const auto name = tls_server_name(buffer.view());
    EXPECT_EQ(name ? name->size() : 0, size >= end ? needle.size() : 0) << size;
  }
}

TEST(TlsServerName, IsNotReadPastTheLengthsAroundIt) {
  const std::string host = "h.test";
  const Octets good = client_hello(server_name_extension(text(host)));
  ASSERT_EQ(server_name(good), host);
  const std::size_t name = good.size() - host.size();
  // The low octets of all lengths: record, handshake, extensions, extension, list, name.
  for (const std::size_t at : {std::size_t{4}, std::size_t{8}, name - 8, name - 6, name - 4}) {
    Octets shorter = good;
    shorter[at] = static_cast<std::uint8_t>(shorter[at] - 1);
    EXPECT_EQ(server_name(shorter), "-") << at;
  }
  Octets longer = good;
  longer[name - 1] = static_cast<std::uint8_t>(longer[name - 1] + 1);
  EXPECT_EQ(server_name(longer), "-");
}

TEST(TlsServerName, HasToBeAHostNameOf1To255Octets) {
  EXPECT_EQ(server_name(client_hello(server_name_extension({}))), "-");
  EXPECT_EQ(server_name(client_hello(server_name_extension(text("x"), 1))), "-");
  EXPECT_EQ(server_name(client_hello(server_name_extension(Octets(255, 'a')))).size(), 255U);
  EXPECT_EQ(server_name(client_hello(server_name_extension(Octets(256, 'a')))), "-");
}

TEST(TlsServerName, IsOnlyInAClientHello) {
  const Octets good = client_hello(server_name_extension(text("h.test")));
  for (const std::size_t at : {0U, 1U, 5U, 9U}) {  // record type, version, handshake type, version
    Octets bad = good;
    bad[at] = static_cast<std::uint8_t>(bad[at] + 1);
    EXPECT_EQ(server_name(bad), "-") << at;
  }
}

TEST(DnsQuestionName, IsReadFromQueriesAndResponses) {
  EXPECT_EQ(dns_name(from_hex(l7_test::kDnsQuery)), "www.example.com");
  EXPECT_EQ(dns_name(from_hex(l7_test::kDnsQueryEdns)), "Mail.Example.COM");
  EXPECT_EQ(dns_name(from_hex(l7_test::kDnsQueryRoot)), ".");
  EXPECT_EQ(dns_name(from_hex(l7_test::kDnsResponse)), "www.example.com");
}

TEST(DnsQuestionName, NeverComesFromATruncatedQuestion) {
  const Octets query = from_hex(l7_test::kDnsQuery);
  for (std::size_t size = 0; size < query.size(); ++size) {
    const ExactBuffer buffer{query, size};
    EXPECT_FALSE(dns_question_name(buffer.view())) << size;
  }
}

TEST(DnsQuestionName, RefusesFlagsThatQueriesDoNotHave) {
  EXPECT_EQ(dns_name(dns(0x0130, kWww)), "www");
  for (unsigned bit = 0; bit < 15; ++bit) {
    const unsigned flag = 1U << bit;
    if ((flag & 0x0130U) != 0) continue;  // RD, AD, CD
    EXPECT_EQ(dns_name(dns(flag, kWww)), "-") << bit;
  }
  EXPECT_EQ(dns_name(dns(0x8183, kWww)), "www");  // a response: no such name
  EXPECT_EQ(dns_name(dns(0x8800, kWww)), "-");    // opcode
  EXPECT_EQ(dns_name(dns(0x8040, kWww)), "-");    // Z
}

TEST(DnsQuestionName, WantsOneQuestionAndNoAnswersInAQuery) {
  for (const std::size_t at : {5U, 7U, 9U}) {  // questions, answers, authority
    Octets message = dns(0x0100, kWww);
    message[at] = static_cast<std::uint8_t>(message[at] + 1);
    EXPECT_EQ(dns_name(message), "-") << at;
  }
  Octets message = dns(0x0100, kWww);
  message[11] = 2;
  EXPECT_EQ(dns_name(message), "www");
  message[11] = 3;
  EXPECT_EQ(dns_name(message), "-");
}

TEST(DnsQuestionName, WantsAKnownClassAndAType) {
  EXPECT_EQ(dns_name(dns(0, kWww, {0, 255, 0, 255})), "www");
  EXPECT_EQ(dns_name(dns(0, kWww, {0, 16, 0, 3})), "www");
  EXPECT_EQ(dns_name(dns(0, kWww, {0, 12, 0x80, 1})), "www");  // multicast DNS
  EXPECT_EQ(dns_name(dns(0, kWww, {0, 1, 0, 2})), "-");
  EXPECT_EQ(dns_name(dns(0, kWww, {0, 0, 0, 1})), "-");
}

// RFC 1035 §2.3.4: labels up to 63 octets, names up to 255.
TEST(DnsQuestionName, ObeysTheLimitsOfLabelsAndNames) {
  const Octets of_63 = label(std::string(63, 'a'));
  EXPECT_EQ(dns_name(dns(0, of_63 + octet(0))), std::string(63, 'a'));
  EXPECT_EQ(dns_name(dns(0, octet(64) + Octets(64, 'a') + octet(0))), "-");
  const Octets three = of_63 + of_63 + of_63;  // 192 octets
  EXPECT_EQ(dns_name(dns(0, three + label(std::string(61, 'b')) + octet(0))).size(), 253U);
  EXPECT_EQ(dns_name(dns(0, three + label(std::string(62, 'b')) + octet(0))), "-");
}

TEST(DnsQuestionName, RefusesCompression) {
  EXPECT_EQ(dns_name(dns(0, {0xC0, 0x0C})), "-");
  EXPECT_EQ(dns_name(dns(0, label("a") + Octets{0xC0, 0x0C})), "-");
}

TEST(DnsQuestionName, DoesNotTakeADotInALabelForABorder) {
  const std::string expected{"www\0evil.example", 16};
  EXPECT_EQ(dns_name(dns(0, label("www.evil") + label("example") + octet(0))), expected);
}

TEST(DnsQuestionName, OverTcpIsInsideItsLength) {
  const Octets message = from_hex(l7_test::kDnsQuery);
  const auto is_found = [](const Octets& payload) {
    const ExactBuffer buffer{payload};
    return dns_question_name_tcp(buffer.view()).has_value();
  };
  EXPECT_TRUE(is_found(word16(message.size()) + message));
  EXPECT_TRUE(is_found(word16(message.size()) + message + Octets(40, 1)));  // the next one
  EXPECT_FALSE(is_found(word16(message.size() - 1) + message));
  EXPECT_FALSE(is_found(message));
  EXPECT_FALSE(is_found({}));
  EXPECT_FALSE(is_found({0}));
}

// What a prefix shows, the whole shows too.
TEST(L7Names, AnswersOfPrefixesStandWhenMoreArrives) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const Octets kinds[] = {
      from_hex(l7_test::kTlsWww), from_hex(l7_test::kTls12B), from_hex(l7_test::kDnsQuery)};
  for (int round = 0; round < 20'000; ++round) {
    Octets payload = kinds[random() % std::size(kinds)];
    for (unsigned i = random() % 4; i > 0; --i) {
      payload[random() % payload.size()] = static_cast<std::uint8_t>(random());
    }
    const ExactBuffer part{payload, random() % payload.size()};
    const ExactBuffer whole{payload};
    if (const auto name = tls_server_name(part.view())) {
      const auto again = tls_server_name(whole.view());
      ASSERT_TRUE(again && std::ranges::equal(*name, *again));
    }
    if (const auto name = dns_question_name(part.view())) {
      const auto again = dns_question_name(whole.view());
      ASSERT_TRUE(again && std::ranges::equal(name->view(), again->view()));
    }
  }
}

}  // namespace
}  // namespace weft::classifier
