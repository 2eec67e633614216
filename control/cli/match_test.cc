#include "control/cli/match.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using Json = nlohmann::json;

MatchResult read(std::string_view pattern, std::string_view text) {
  // Static, because expectations point into the pattern.
  static std::vector<std::unique_ptr<Sequence>> kept;
  kept.push_back(std::make_unique<Sequence>(compile_pattern(pattern)));
  return match(*kept.back(), std::get<Line>(split_line(text)));
}

Json params(std::string_view pattern, std::string_view text) {
  const MatchResult result = read(pattern, text);
  EXPECT_TRUE(result.is_complete) << text << ": stopped at word " << result.stopped_at;
  return result.params;
}

std::string expected(std::string_view pattern, std::string_view text, bool required_only = false) {
  return format(read(pattern, text).expected, required_only);
}

TEST(Pattern, UsageLeavesOutWhatIsForTheRequestOnly) {
  const Sequence pattern = compile_pattern(
      "attach container=CONTAINER (segment SEGMENT) (netns PATH | pid PID) "
      "[routes{ route to=PREFIX [via IP] }]... [kind tap|veth]"
  );
  EXPECT_EQ(
      format_usage(pattern),
      (std::vector<std::string>{
          "attach CONTAINER",
          "segment SEGMENT",
          "(netns PATH | pid PID)",
          "[route PREFIX [via IP]]...",
          "[kind tap|veth]",
      })
  );
}

TEST(Match, BindsValuesToTheWordBeforeOrToTheNamedField) {
  EXPECT_EQ(
      params(
          "x name=NAME [dscp-mode uniform|pipe] [vtep local_vtep=IP] [mtu NUMBER]",
          "x blue mtu 1400 vtep 192.0.2.1 dscp-mode pipe"
      ),
      (Json{{"name", "blue"}, {"mtu", 1400}, {"local_vtep", "192.0.2.1"}, {"dscp_mode", "pipe"}})
  );
}

TEST(Match, SwitchesAndLoneWordsBecomeBooleans) {
  EXPECT_EQ(
      params("x [learn on|off] [clamp on|off] [all]", "x learn on all clamp off"),
      (Json{{"learn", true}, {"clamp", false}, {"all", true}})
  );
}

TEST(Match, RepeatedClausesBecomeArrays) {
  EXPECT_EQ(
      params("x [ip addresses=PREFIX]...", "x ip 10.1.0.5/24 ip fd00::5/64"),
      (Json{{"addresses", {"10.1.0.5/24", "fd00::5/64"}}})
  );
}

TEST(Match, RepeatedObjectsKeepTheirOwnFields) {
  EXPECT_EQ(
      params(
          "x [endpoints{ mac MAC [ip addresses=IP]... }]...",
          "x mac 02:00:00:00:00:01 ip 10.1.0.9 ip fd00::9 mac 02:00:00:00:00:02"
      ),
      Json::parse(R"({"endpoints":[
        {"mac":"02:00:00:00:00:01","addresses":["10.1.0.9","fd00::9"]},
        {"mac":"02:00:00:00:00:02"}]})")
  );
}

TEST(Match, DottedFieldsNest) {
  EXPECT_EQ(
      params(
          "x [broadcast-budget b.broadcast=RATE] [multicast-budget b.multicast=RATE]",
          "x multicast-budget 5 broadcast-budget 7"
      ),
      Json::parse(R"({"b":{"broadcast":7,"multicast":5}})")
  );
}

TEST(Match, LocalFieldsAreNotSent) {
  const MatchResult result =
      read("show segment [@name=SEGMENT] [@json=--json]", "show segment --json blue");
  EXPECT_TRUE(result.is_complete);
  EXPECT_EQ(result.params, Json::object());
  EXPECT_EQ(result.local, (Json{{"name", "blue"}, {"json", true}}));
}

TEST(Match, RestOfTheLineIsTakenAsItStands) {
  const MatchResult result = read("call @m=METHOD [@p=JSON]", R"(call port.add  {"name": "a b"} )");
  EXPECT_TRUE(result.is_complete);
  EXPECT_EQ(result.local["p"], R"({"name": "a b"})");
}

TEST(Match, RequiredClauseThatIsMissingIsNamed) {
  EXPECT_EQ(
      expected("x (netns PATH | pid PID) [mtu NUMBER] (segment SEGMENT)", "x mtu 1400", true),
      "`netns`, `pid` or `segment`"
  );
}

TEST(Match, AlternativesExcludeEachOther) {
  const MatchResult result = read("x (netns PATH | pid PID)", "x netns /run/netns/a pid 1");
  EXPECT_FALSE(result.is_complete);
  EXPECT_EQ(result.stopped_at, 3U);
  EXPECT_EQ(format(result.expected, false), "the end of the command");
}

TEST(Match, ClauseThatIsNotRepeatedIsTakenOnce) {
  const MatchResult result = read("x [mtu NUMBER]", "x mtu 1 mtu 2");
  EXPECT_FALSE(result.is_complete);
  EXPECT_EQ(result.stopped_at, 3U);
}

TEST(Match, BadValuesStopAtTheValue) {
  for (const std::string_view text :
       {"x vtep 192.0.2", "x vtep 192.0.2.1/24", "x vtep", "x vtep vtep"}) {
    const MatchResult result = read("x (vtep IP)", text);
    EXPECT_FALSE(result.is_complete) << text;
    EXPECT_EQ(result.stopped_at, 2U) << text;
    EXPECT_EQ(format(result.expected, true), "an IPv4 or IPv6 address") << text;
  }
}

TEST(Match, NumbersHaveOnlyDigitsAndFit64Bits) {
  EXPECT_EQ(params("x NUMBER", "x 9223372036854775807"), (Json{{"x", 9223372036854775807U}}));
  for (const std::string_view text :
       {"x -1", "x 1.5", "x 0x10", "x 99999999999999999999", "x ''"}) {
    EXPECT_FALSE(read("x NUMBER", text).is_complete) << text;
  }
}

TEST(Match, ExpectsWhatMayFollowInsideAnObjectAndBehindIt) {
  EXPECT_EQ(
      expected("x [routes{ route to=PREFIX [via IP] }]... [mtu NUMBER]", "x route 10.0.0.0/8"),
      "`via`, `route` or `mtu`"
  );
}

TEST(ValueKinds, AllJudgeWordsAndHaveAMeaning) {
  for (const ValueKind& kind : value_kinds()) {
    ASSERT_NE(kind.accepts, nullptr) << kind.placeholder;
    EXPECT_FALSE(kind.accepts("")) << kind.placeholder;
    EXPECT_FALSE(kind.accepts("--json")) << kind.placeholder;
    EXPECT_FALSE(kind.meaning.empty()) << kind.placeholder;
    EXPECT_EQ(find_value_kind(kind.placeholder), &kind);
  }
}

TEST(ValueKinds, NamesFollowTheProtocol) {
  const auto* name = find_value_kind("NAME");
  EXPECT_TRUE(name->accepts("a"));
  EXPECT_TRUE(name->accepts(std::string(63, 'a')));
  EXPECT_TRUE(name->accepts("0.b_c-d"));
  EXPECT_FALSE(name->accepts(std::string(64, 'a')));
  EXPECT_FALSE(name->accepts("_a"));
  EXPECT_FALSE(name->accepts("a/b"));
}

}  // namespace
}  // namespace weft::cli
