#include "control/connector/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::connector {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Environment complete(std::string command) {
  Environment environment;
  environment.command = std::move(command);
  environment.container = "c1";
  environment.netns = "/run/netns/c1";
  environment.ifname = "eth0";
  environment.path = "/opt/cni/bin";
  return environment;
}

std::string complaint(const Environment& environment) {
  const auto command = checked_command(environment);
  if (command) return "";
  EXPECT_EQ(command.error().code, ProblemCode::bad_environment);
  return command.error().message;
}

TEST(Environment, EveryOperationIsKnownByItsName) {
  const std::pair<const char*, Command> operations[] = {
      {"ADD", Command::add},
      {"DEL", Command::del},
      {"CHECK", Command::check},
      {"STATUS", Command::status},
      {"GC", Command::gc},
      {"VERSION", Command::version}};
  for (const auto& [name, command] : operations) {
    const auto found = checked_command(complete(name));
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found.value(), command) << name;
  }
  EXPECT_THAT(complaint(complete("add")), HasSubstr("CNI_COMMAND"));
  EXPECT_THAT(complaint(complete("UPDATE")), HasSubstr("UPDATE"));
}

// CNI 1.1.0, "CNI operations": required and optional variables.
TEST(Environment, WhatAnOperationDoesNotNeedMayBeMissing) {
  Environment bare;
  for (const char* name : {"VERSION", "STATUS"}) {
    bare.command = name;
    EXPECT_EQ(complaint(bare), "") << name;
  }
  bare.command = "GC";
  bare.path = "/opt/cni/bin";
  EXPECT_EQ(complaint(bare), "");
  bare.command = "DEL";
  bare.container = "c1";
  bare.ifname = "eth0";
  bare.path.clear();
  EXPECT_EQ(complaint(bare), "");
}

TEST(Environment, OneComplaintNamesEverythingThatIsMissingOrWrong) {
  Environment environment = complete("ADD");
  environment.container.clear();
  environment.netns.clear();
  environment.ifname = "a/b";
  EXPECT_THAT(
      complaint(environment),
      AllOf(
          HasSubstr("CNI_CONTAINERID"),
          HasSubstr("CNI_NETNS"),
          HasSubstr("not valid: CNI_IFNAME \"a/b\""),
          Not(HasSubstr("CNI_PATH"))
      )
  );
}

TEST(Environment, InterfaceNamesAreThoseOfTheKernel) {
  Environment environment = complete("ADD");
  for (const char* good : {"eth0", "a", "fifteen-letters", "net.1", "x@y"}) {
    environment.ifname = good;
    EXPECT_EQ(complaint(environment), "") << good;
  }
  for (const char* bad : {".", "..", "sixteen-letters0", "a b", "a:b", "a/b", "a\tb", "eth%d"}) {
    environment.ifname = bad;
    EXPECT_NE(complaint(environment), "") << bad;
  }
}

TEST(Environment, IdentifiersBeginWithALetterOrADigit) {
  for (const char* good : {"a", "0f", "a_b.c-d", "A"}) EXPECT_TRUE(is_identifier(good)) << good;
  for (const char* bad : {"", "-a", ".a", "_a", "a/b", "a b", "a:b", "\xC3\xA4"}) {
    EXPECT_FALSE(is_identifier(bad)) << bad;
  }
}

TEST(Environment, ArgsArePairs) {
  const auto args = parse_args("IgnoreUnknown=1;IP=10.0.0.1/8;EMPTY=;A=b=c;");
  ASSERT_TRUE(args);
  EXPECT_THAT(
      args.value(),
      UnorderedElementsAre(
          Pair("IgnoreUnknown", "1"), Pair("IP", "10.0.0.1/8"), Pair("EMPTY", ""), Pair("A", "b=c")
      )
  );
  EXPECT_TRUE(parse_args("").value().empty());
  for (const char* bad : {"IP", "=x", "A=1;B"}) {
    const auto refused = parse_args(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ProblemCode::bad_environment);
  }
}

}  // namespace
}  // namespace weft::connector
