#include "control/document.h"

#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Documents = ControlFixture;

constexpr const char* kDocument = R"({
  "ports": [{"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]}],
  "tenants": [{"name":"acme"}],
  "segments": [{"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"},
               {"name":"red","tenant":"acme","encap":"none","policy_default":"groups","agents":["192.168.0.1"]}],
  "remotes": [{"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09","addresses":["10.1.0.9"],"groups":["far"]}]}],
  "budgets": [{"class":"AF4","rate":"200Mbit/s"}],
  "schedulers": [{"port":"up0","rate":"1Gbit/s"}],
  "meters": [{"tenant":"acme","name":"m","cir":"8Mbit/s","cbs":3000}],
  "tenant_settings": [{"name":"acme","meter":"m"}],
  "l7": [{"tenant":"acme","name":"web","patterns":["http",{"regex":"^HELO","caseless":true}]}],
  "policies": [{"tenant":"acme","rules":[
    {"name":"a","action":"allow","from":{"labels":["app=web","!canary"]},"to":{"cidr":"10.0.0.0/8"},"protocol":"udp","ports":"53-54","class":"AF41","meter":"m","l7":"web"},
    {"name":"b","action":"deny","priority":7,"from":{"group":"g"},"protocol":89,"ends":"sender","stateful":false},
    {"name":"c","action":"deny","protocol":"icmp","icmp_type":8}]}],
  "endpoints": [{"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.5/24"],"groups":["g"],"labels":{"app":"web"},"limits":{"connections":9},"qos":{"class":"pcp","rate":"8Mbit/s","rate_in":"9Mbit/s","contracts":[{"class":"AF4","rate":"1Mbit/s"}]}}]
})";

TEST_F(Documents, WhatIsGotCanBeApplied) {
  ASSERT_TRUE(dispatcher.apply_document(Json::parse(kDocument), now));
  const Json document = accepted("config.get");
  EXPECT_EQ(document["endpoints"].size(), 1U);

  FakePlatform other_platform;
  Controller other{other_platform};
  Dispatcher other_dispatcher{other, About{}};
  const auto applied = other_dispatcher.apply_document(document, now);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(to_json(document_of(other.model())), document);
}

TEST_F(Documents, ApplyingAgainChangesNothing) {
  ASSERT_TRUE(dispatcher.apply_document(Json::parse(kDocument), now));
  const Generation generation = controller.generation();
  ASSERT_TRUE(dispatcher.apply_document(accepted("config.get"), now));
  EXPECT_EQ(controller.generation(), generation);
}

TEST_F(Documents, NamesTheEntryThatIsRefused) {
  Json document = Json::parse(kDocument);
  document["segments"][1]["tenant"] = "nobody";
  const auto applied = dispatcher.apply_document(document, now);
  ASSERT_FALSE(applied);
  EXPECT_EQ(
      applied.error().message, "segments[1]: segment.tenant: tenant \"nobody\" does not exist"
  );
  EXPECT_EQ(applied.error().field, "segments[1].tenant");
}

TEST_F(Documents, RefusesUnknownSections) {
  const auto applied = dispatcher.apply_document(Json::parse(R"({"prots":[]})"), now);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().message, "document.prots: there is no such parameter");
  EXPECT_FALSE(dispatcher.apply_document(Json::parse(R"({"ports":{}})"), now));
  EXPECT_FALSE(dispatcher.apply_document(Json::parse("[]"), now));
}

}  // namespace
}  // namespace weft::control
