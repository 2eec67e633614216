#include "classifier/l7_builtin.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

std::string error_of(const std::string& text) {
  const auto expanded = expand_l7_builtin(text);
  return expanded ? "" : expanded.error().message;
}

/// `builtin` with an argument of the kind it takes.
std::string example(const L7Builtin& builtin) {
  const std::string name{builtin.name};
  switch (builtin.argument) {
    case L7Builtin::Argument::none:
      return name;
    case L7Builtin::Argument::optional_host:
    case L7Builtin::Argument::host:
      return name + ":www.example.com";
    case L7Builtin::Argument::method:
      return name + ":GET";
  }
  return name;
}

TEST(L7Builtin, EachExpandsToSomething) {
  std::set<std::string_view> names;
  for (const L7Builtin& builtin : l7_builtins()) {
    EXPECT_TRUE(names.insert(builtin.name).second) << builtin.name;
    EXPECT_FALSE(builtin.summary.empty()) << builtin.name;
    const auto expanded = expand_l7_builtin(example(builtin));
    ASSERT_TRUE(expanded) << builtin.name << ": " << expanded.error().message;
    EXPECT_FALSE(expanded->empty()) << builtin.name;
    for (const L7Expression& expression : *expanded) {
      EXPECT_FALSE(expression.regex.empty()) << builtin.name;
      EXPECT_NE(expression.where, 0) << builtin.name;
    }
  }
}

TEST(L7Builtin, TakesItsArgumentAndNoOther) {
  for (const L7Builtin& builtin : l7_builtins()) {
    const std::string name{builtin.name};
    switch (builtin.argument) {
      case L7Builtin::Argument::none:
        EXPECT_EQ(error_of(name + ":x"), name + " takes no argument");
        break;
      case L7Builtin::Argument::host:
        EXPECT_EQ(error_of(name), name + " needs a host: " + name + ":www.example.com");
        break;
      case L7Builtin::Argument::method:
        EXPECT_EQ(error_of(name), name + " needs a method: " + name + ":GET");
        break;
      case L7Builtin::Argument::optional_host:
        EXPECT_EQ(error_of(name), "");
        break;
    }
  }
}

TEST(L7Builtin, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  EXPECT_EQ(
      error_of("gopher"),
      "there is no built-in \"gopher\"; there are tls, tls-sni, http, http-method, http-host, ssh, "
      "dns, redis, mysql, postgres, quic"
  );
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of("TLS"), "");
}

TEST(L7Builtin, HostsAreNamesWildcardsOrAny) {
  const std::string label(63, 'a');
  for (const std::string& host :
       {std::string{"example.com"},
        std::string{"*.example.com"},
        std::string{"*"},
        std::string{"localhost"},
        std::string{"_sip._udp.x-1.test"},
        std::string{"10.0.0.1"},
        label + "." + label + "." + label + "." + std::string(61, 'a')}) {
    EXPECT_EQ(error_of("tls-sni:" + host), "") << host;
    EXPECT_EQ(error_of("http-host:" + host), "") << host;
    EXPECT_EQ(error_of("dns:" + host), "") << host;
  }
  for (const std::string& host :
       {std::string{},
        std::string{"."},
        std::string{".example.com"},
        std::string{"example.com."},
        std::string{"a..b"},
        std::string{"*."},
        std::string{"*.*.com"},
        std::string{"*example.com"},
        std::string{"www.*.com"},
        std::string{"a b"},
        std::string{"a/b"},
        std::string{"(a|b)"},
        std::string{"a:80"},
        label + "a.com",
        label + "." + label + "." + label + "." + std::string(62, 'a')}) {
    EXPECT_NE(error_of("tls-sni:" + host), "") << host;
  }
}

TEST(L7Builtin, MethodsAreCapitalLetters) {
  EXPECT_EQ(error_of("http-method:VERSION-CONTROL"), "");
  for (const char* method : {"", "get", "GET ", "G.T", "ABCDEFGHIJKLMNOPQRSTU"}) {
    EXPECT_NE(error_of(std::string{"http-method:"} + method), "") << method;
  }
}

}  // namespace
}  // namespace weft::classifier
