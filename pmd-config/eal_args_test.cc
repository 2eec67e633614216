#include "pmd-config/eal_args.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kGib = 1024ULL * 1024 * 1024;

MachineFacts machine(std::vector<unsigned> cpus) {
  return {
      .cpus = std::move(cpus),
      .free_hugepage_octets = 0,
      .available_octets = 16 * kGib,
      .process_id = 4711};
}

/// The word after `option`.
std::string value_of(const EalArguments& derived, const std::string& option) {
  const auto& all = derived.arguments;
  const auto found = std::find(all.begin(), all.end(), option);
  return found == all.end() || found + 1 == all.end() ? "" : *(found + 1);
}

EalArguments derive(const EalConfig& config, const MachineFacts& facts) {
  Result<EalArguments> derived = derive_eal_arguments(config, facts);
  EXPECT_TRUE(derived.is_ok()) << (derived ? "" : derived.error().message);
  return derived ? std::move(*derived) : EalArguments{};
}

std::string refusal(const EalConfig& config, const MachineFacts& facts) {
  const Result<EalArguments> derived = derive_eal_arguments(config, facts);
  return derived ? "accepted" : derived.error().message;
}

TEST(EalArgs, GivesControlTheCpusThatNoWorkerUses) {
  const EalArguments derived = derive({.cores = {1, 2}}, machine({0, 1, 2, 3}));
  EXPECT_EQ(value_of(derived, "--lcores"), "0@(0,3),1@1,2@2");
  EXPECT_EQ(value_of(derived, "--main-lcore"), "0");
}

TEST(EalArgs, ControlSharesTheFirstWorkersCpuWhenNoneIsSpare) {
  const EalArguments derived = derive({.cores = {0, 1}}, machine({0, 1}));
  EXPECT_EQ(value_of(derived, "--lcores"), "0@(0),1@0,2@1");
}

TEST(EalArgs, DefaultsToOneWorkerOnTheLastCpu) {
  EXPECT_THAT(derive({}, machine({0, 1, 5})).cores, ElementsAre(5));
}

TEST(EalArgs, RefusesCoresThatItCanNotUse) {
  EXPECT_THAT(refusal({.cores = {7}}, machine({0, 1})), HasSubstr("CPU 7 is not among"));
  EXPECT_THAT(refusal({.cores = {1, 1}}, machine({0, 1})), HasSubstr("CPU 1 is listed twice"));
  EXPECT_THAT(refusal({}, machine({})), HasSubstr("may not run on any CPU"));
}

TEST(EalArgs, UsesOrdinaryMemoryWithoutHugepages) {
  const EalArguments derived = derive({}, machine({0}));
  EXPECT_THAT(derived.arguments, Contains("--no-huge"));
  EXPECT_THAT(derived.arguments, Not(Contains("--in-memory")));  // EAL refuses both
  EXPECT_EQ(value_of(derived, "-m"), "256");
  EXPECT_FALSE(derived.uses_hugepages);
}

TEST(EalArgs, TakesLessOnASmallMachine) {
  MachineFacts small = machine({0});
  small.available_octets = 2 * kGib;
  EXPECT_EQ(value_of(derive({}, small), "-m"), "128");
}

TEST(EalArgs, UsesHugepagesWhenEnoughAreFree) {
  MachineFacts facts = machine({0});
  facts.free_hugepage_octets = kGib;
  const EalArguments derived = derive({}, facts);
  EXPECT_TRUE(derived.uses_hugepages);
  EXPECT_THAT(derived.arguments, Contains("--in-memory"));
  EXPECT_THAT(derived.arguments, Contains("--single-file-segments"));
  EXPECT_THAT(derived.arguments, Not(Contains("--no-huge")));
  EXPECT_FALSE(derive({.hugepages = EalConfig::Hugepages::never}, facts).uses_hugepages);
}

TEST(EalArgs, RefusesMemoryThatIsNotThere) {
  EXPECT_THAT(
      refusal({.hugepages = EalConfig::Hugepages::always}, machine({0})),
      HasSubstr("0 MiB are free")
  );
  EXPECT_THAT(refusal({.memory_mib = 8}, machine({0})), HasSubstr("below the minimum 64"));
  EXPECT_THAT(refusal({.memory_mib = 99999}, machine({0})), HasSubstr("16384 are available"));
}

TEST(EalArgs, TouchesThePciBusOnlyWhenAskedTo) {
  EXPECT_THAT(derive({}, machine({0})).arguments, Contains("--no-pci"));
  const EalArguments one = derive({.pci_devices = {"0000:3b:00.0"}}, machine({0}));
  EXPECT_EQ(value_of(one, "-a"), "0000:3b:00.0");
  EXPECT_TRUE(one.has_pci);
  // An allow list is there even when it is empty: nothing is probed behind the operator's back.
  EXPECT_NE(value_of(derive({.pci_at_run_time = true}, machine({0})), "-a"), "");
}

TEST(EalArgs, AppendsTheOperatorsArguments) {
  const EalArguments derived = derive({.extra = {"--log-level", "debug"}}, machine({0}));
  EXPECT_EQ(value_of(derived, "--log-level"), "debug");
  EXPECT_EQ(value_of(derived, "--file-prefix"), "weft-4711");
}

TEST(EalArgs, ParsesCoreLists) {
  EXPECT_THAT(*parse_core_list("3"), ElementsAre(3));
  EXPECT_THAT(*parse_core_list("4,0-2"), ElementsAre(4, 0, 1, 2));
  for (const char* text : {"", ",", "1,", "a", "2-1", "-1", "1-", "1 ", "0-4000000000", "99999"}) {
    EXPECT_FALSE(parse_core_list(text).is_ok()) << text;
  }
}

TEST(EalArgs, SplitsArguments) {
  EXPECT_THAT(*split_arguments(" -a  0:0.1 "), ElementsAre("-a", "0:0.1"));
  EXPECT_THAT(*split_arguments("--vdev='a b' \"\" x"), ElementsAre("--vdev=a b", "", "x"));
  EXPECT_TRUE(split_arguments("")->empty());
  EXPECT_FALSE(split_arguments("'open").is_ok());
}

TEST(EalArgs, ReadsThisMachine) {
  const MachineFacts facts = read_machine_facts();
  EXPECT_FALSE(facts.cpus.empty());
  EXPECT_GT(facts.available_octets, 0U);
}

}  // namespace
}  // namespace weft
