#include "perf/replay/arguments.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::replay {
namespace {

std::string problem_of(const std::string& text) {
  std::string error;
  return parse_arguments(text, error).has_value() ? "" : error;
}

TEST(ReplayArguments, AreAllOptional) {
  std::string error;
  const auto none = parse_arguments("", error);
  ASSERT_TRUE(none.has_value()) << error;
  EXPECT_EQ(none->pcap, "");
  EXPECT_EQ(none->slots, 0U);
}

TEST(ReplayArguments, AreReadInAnyOrder) {
  std::string error;
  const auto all = parse_arguments("restore=64,gate=/tmp/gate,slots=2048,pcap=a=b.pcap", error);
  ASSERT_TRUE(all.has_value()) << error;
  EXPECT_EQ(all->pcap, "a=b.pcap");
  EXPECT_EQ(all->gate, "/tmp/gate");
  EXPECT_EQ(all->slots, 2048U);
  EXPECT_EQ(all->restore, 64U);
}

TEST(ReplayArguments, MistakesAreNamed) {
  EXPECT_NE(problem_of("pcpa=x").find("\"pcpa=x\" is not known"), std::string::npos);
  EXPECT_NE(problem_of("pcap").find("needs a file"), std::string::npos);
  EXPECT_NE(problem_of("pcap=x,,gate=y").find("\"\" is not known"), std::string::npos);
  EXPECT_NE(problem_of("slots=many").find("needs a number"), std::string::npos);
  EXPECT_NE(problem_of("slots=0").find("above 0"), std::string::npos);
  EXPECT_NE(problem_of("slots=99999999999").find("needs a number"), std::string::npos);
  EXPECT_NE(problem_of("restore=100").find("must be 0, 64 or 128"), std::string::npos);
}

TEST(ReplayArguments, IndexIsTheNumberAtTheEndOfTheName) {
  EXPECT_EQ(parse_index("net_replay0"), 0U);
  EXPECT_EQ(parse_index("net_replay7"), 7U);
  EXPECT_EQ(parse_index("net_replay8"), std::nullopt);
  EXPECT_EQ(parse_index("net_replay"), std::nullopt);
  EXPECT_EQ(parse_index("net_replay99999999999"), std::nullopt);
}

}  // namespace
}  // namespace weft::replay
