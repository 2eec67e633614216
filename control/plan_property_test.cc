// The property behind apply: whatever was there before, applying a document gives the state that it says.

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/compiler.h"
#include "control/dispatch.h"
#include "control/document.h"
#include "control/plan.h"
#include "control/testing/fake_platform.h"
#include "control/testing/random_state.h"

namespace weft::control {
namespace {

using testing::IsEmpty;

TEST(Plan, WhateverWasThereBeforeTheDocumentIsWhatThereIs) {
  const std::uint32_t seed = std::random_device{}();
  const TimePoint now{std::chrono::hours{1}};
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomState states{seed};
  FakePlatform used_platform;
  Controller used{used_platform};
  Dispatcher used_dispatcher{used, About{}};
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    const Json document = states.next();
    SCOPED_TRACE(document.dump());
    const Json before = to_json(document_of(used.model()));
    // A document whose last entry is refused changes nothing, whatever it would have done before.
    Json broken = document;
    broken["endpoints"].push_back({{"container", "x"}, {"segment", "nowhere"}, {"pid", 1}});
    EXPECT_FALSE(used_dispatcher.apply_document(broken, now));
    EXPECT_EQ(to_json(document_of(used.model())), before);

    const auto applied = used_dispatcher.apply_document(document, now);
    ASSERT_TRUE(applied) << applied.error().message << "\nafter " << before.dump();
    FakePlatform fresh_platform;
    Controller fresh{fresh_platform};
    Dispatcher fresh_dispatcher{fresh, About{}};
    ASSERT_TRUE(fresh_dispatcher.apply_document(document, now));
    Json wanted = to_json(document_of(fresh.model()));
    Json found = to_json(document_of(used.model()));
    // Numbers of ports, and so the order of their lists, depend on the way.
    for (Json* json : {&wanted, &found}) {
      for (const char* section : {"ports", "rules"}) {
        auto& list = (*json)[section].get_ref<Json::array_t&>();
        std::ranges::sort(list, {}, [](const Json& entry) { return entry.dump(); });
      }
    }
    EXPECT_EQ(found, wanted) << "after " << before.dump();
    const auto again = make_plan(used.model(), document);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->changes.empty());

    const auto& model = used.model();
    const auto scratch =
        compile(model, used.runtime(), everything(model, used.runtime()), Snapshot{});
    EXPECT_EQ(scratch->fdb.size(), used_platform.published->fdb.size());
    EXPECT_EQ(scratch->vnis.size(), used_platform.published->vnis.size());
    EXPECT_EQ(scratch->neighbors.size(), used_platform.published->neighbors.size());
    EXPECT_EQ(scratch->tunnel_by_remote.size(), used_platform.published->tunnel_by_remote.size());
    EXPECT_EQ(used_platform.ports_alive, static_cast<int>(model.endpoints.size()));
  }
  EXPECT_THAT(used_platform.violations, IsEmpty());
}

}  // namespace
}  // namespace weft::control
