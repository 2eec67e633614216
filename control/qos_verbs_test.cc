// Meters, contracts, budgets and schedulers through JSON: what each verb does and what it refuses.

#include <string>

#include <gtest/gtest.h>

#include "control/params_qos.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

class QosVerbs : public ControlFixture {
 protected:
  void SetUp() override { make_network(); }

  [[nodiscard]] static std::string attachment(const std::string& name, const std::string& qos) {
    return R"({"container":")" + name +
           R"(","segment":"blue","kind":"memif","socket":"/s","qos":)" + qos + "}";
  }
  [[nodiscard]] const EndpointEntry& endpoint(std::size_t index = 0) const {
    return platform.published->endpoints[index];
  }
};

constexpr const char* kMeter =
    R"({"tenant":"acme","name":"m","kind":"trtcm","cir":"8Mbit/s","cbs":3000,"pir":"16Mbit/s","pbs":6000,"yellow":"AF42"})";

TEST(Rates, AreNumbersOrHaveAUnit) {
  EXPECT_EQ(parse_rate("200Mbit/s"), 200'000'000U);
  EXPECT_EQ(parse_rate("1.5Gbit/s"), 1'500'000'000U);
  EXPECT_EQ(parse_rate("64 kbit/s"), 64'000U);
  EXPECT_EQ(parse_rate("9600bit/s"), 9600U);
  EXPECT_EQ(parse_rate("1000000"), 1'000'000U);
  for (const char* text :
       {"", "Mbit/s", "-1Mbit/s", "1e3Mbit/s", "1MB/s", "1Mbit", "nanbit/s", "inf"}) {
    EXPECT_EQ(parse_rate(text), std::nullopt) << text;
  }
}

TEST_F(QosVerbs, AMeterIsCompiledInOctets) {
  accepted("qos.meter.add", kMeter);
  const classifier::CompiledMeter& meter = platform.published->meters[0];
  EXPECT_NE(meter.version, 0U);
  EXPECT_EQ(meter.kind, classifier::MeterKind::trtcm);
  EXPECT_EQ(meter.cbs, 3000U);
  EXPECT_EQ(meter.action(classifier::Colour::yellow).dscp, 36U);
  EXPECT_EQ(meter.action(classifier::Colour::red).kind, classifier::MeterAction::Kind::drop);
  EXPECT_EQ(controller.model().meters.at(0).cir, 1'000'000U);
  const Generation generation = controller.generation();
  accepted("qos.meter.add", kMeter);
  EXPECT_EQ(controller.generation(), generation);
}

TEST_F(QosVerbs, RefusesRatesThatCanNotBe) {
  const auto message = [&](const std::string& more) {
    return refusal("qos.meter.add", R"({"tenant":"acme","name":"m","cbs":3000)" + more + "}")
        .message;
  };
  EXPECT_EQ(message(""), "meter.cir: is required");
  EXPECT_EQ(message(R"(,"cir":0)"), "meter.cir: 0 is below the limit 8000 bit/s");
  EXPECT_EQ(
      message(R"(,"cir":"1 parsec")"),
      "meter.cir: \"1 parsec\" is neither bits per second nor a rate like \"200Mbit/s\""
  );
  EXPECT_EQ(
      message(R"(,"cir":"2Mbit/s","kind":"trtcm","pir":"1Mbit/s","pbs":3000)"),
      "meter.pir: 1000000 bit/s is below cir, 2000000 bit/s"
  );
  EXPECT_EQ(
      message(R"(,"cir":"2Tbit/s")"), "meter.cir: \"2Tbit/s\" is above the limit 1600000000000"
  );
}

TEST_F(QosVerbs, AMeterInUseIsNotRemoved) {
  accepted("qos.meter.add", kMeter);
  accepted("policy.add", R"({"tenant":"acme","name":"r","action":"allow","meter":"m"})");
  EXPECT_EQ(
      refusal("qos.meter.remove", R"({"tenant":"acme","name":"m"})").message,
      "meter m: policy rule r uses it"
  );
  accepted("policy.remove", R"({"tenant":"acme","name":"r"})");
  accepted("tenant.set", R"({"name":"acme","meter":"m"})");
  EXPECT_EQ(platform.published->segments[0].tenant_meter, 0U);
  EXPECT_EQ(
      refusal("qos.meter.remove", R"({"tenant":"acme","name":"m"})").message,
      "meter m: it polices tenant acme"
  );
  accepted("tenant.set", R"({"name":"acme","meter":null})");
  EXPECT_EQ(platform.published->segments[0].tenant_meter, classifier::kNoMeter);
  accepted("qos.meter.remove", R"({"tenant":"acme","name":"m"})");
  EXPECT_EQ(platform.published->meters[0].version, 0U);
  EXPECT_EQ(
      refusal("tenant.set", R"({"name":"acme","meter":"m"})").message,
      "tenant.meter: meter \"m\" does not exist in tenant acme"
  );
}

TEST_F(QosVerbs, MetersAreListedWithTheirColoursAndUsers) {
  accepted("qos.meter.add", kMeter);
  accepted("tenant.set", R"({"name":"acme","meter":"m"})");
  platform.colour_counts[0] = {{1, 2, 3}, {100, 200, 300}};
  accepted("endpoint.attach", attachment("c1", R"({"rate":"1Mbit/s"})"));
  platform.colour_counts[1] = {{4, 0, 5}, {400, 0, 500}};
  const Json answer = accepted("qos.meter.list");
  EXPECT_EQ(answer["meters"][0]["red"]["packets"], 3);
  EXPECT_EQ(answer["meters"][0]["used_by"][0], "tenant acme");
  EXPECT_EQ(answer["endpoints"][0]["endpoint"], "c1/eth0");
  EXPECT_EQ(answer["endpoints"][0]["green"]["octets"], 400);
}

TEST_F(QosVerbs, AContractThatWouldOverbookIsRefusedWithWhatIsLeft) {
  accepted("qos.budget.set", R"({"class":"AF4","rate":"200Mbit/s"})");
  EXPECT_EQ(platform.published->scarce_classes, 1U << static_cast<unsigned>(classifier::Phb::af4));
  accepted(
      "endpoint.attach", attachment("c1", R"({"contracts":[{"class":"AF4","rate":"150Mbit/s"}]})")
  );
  expect_refused(
      "endpoint.attach",
      attachment("c2", R"({"contracts":[{"class":"AF4","rate":"60Mbit/s"}]})"),
      ErrorCode::limit_reached,
      "qos.contracts[0].rate",
      "endpoint.qos.contracts[0].rate: 60000000 bit/s is more than is left of class AF4: 50000000 "
      "bit/s of 200000000 bit/s"
  );
  EXPECT_EQ(
      refusal("qos.budget.set", R"({"class":"AF4","rate":"100Mbit/s"})").message,
      "budget.rate: 100000000 bit/s is less than the contracts of class AF4 have together: "
      "150000000 bit/s"
  );
  // An endpoint's own contract does not stand in its way.
  accepted(
      "endpoint.set",
      R"({"container":"c1","qos":{"contracts":[{"class":"AF4","rate":"200Mbit/s"}]}})"
  );
  Json af4;
  const Json listed = accepted("qos.budget.list");
  for (const Json& budget : listed["budgets"]) {
    if (budget["class"] == "AF4") af4 = budget;
  }
  EXPECT_EQ(af4["admitted"], 200'000'000);
  EXPECT_EQ(af4["left"], 0);
  accepted("endpoint.detach", R"({"container":"c1"})");
  accepted(
      "endpoint.attach", attachment("c2", R"({"contracts":[{"class":"AF4","rate":"200Mbit/s"}]})")
  );
  accepted("qos.budget.set", R"({"class":"AF4","rate":null})");
  EXPECT_EQ(platform.published->scarce_classes, 0U);
}

TEST_F(QosVerbs, AnEndpointsQosReachesTheWorkers) {
  accepted(
      "endpoint.attach",
      attachment(
          "c1",
          R"({"class":"AF31","rate":"8Mbit/s","burst":4000,"contracts":[{"class":"EF","rate":"1Mbit/s","burst":2000}]})"
      )
  );
  const EndpointQos& qos = endpoint().qos;
  EXPECT_EQ(qos.source, ClassSource::fixed);
  EXPECT_EQ(qos.dscp, 26U);
  EXPECT_EQ(platform.published->meters[qos.meter].cbs, 4000U);
  const std::uint16_t contract =
      qos.contracts[static_cast<std::size_t>(classifier::Phb::expedited)];
  const auto& red = platform.published->meters[contract].action(classifier::Colour::red);
  EXPECT_EQ(red.kind, classifier::MeterAction::Kind::remark);
  EXPECT_EQ(red.dscp, 0U);
  accepted(
      "endpoint.set",
      R"({"container":"c1","qos":{"class":"pcp","rate":0,"contracts":[]},"limits":{"connections":5}})"
  );
  EXPECT_EQ(endpoint().qos.source, ClassSource::pcp);
  EXPECT_EQ(endpoint().qos.meter, classifier::kNoMeter);
  EXPECT_EQ(endpoint().limits.live, 5U);
  EXPECT_NE(platform.published->segments[0].policy, nullptr);  // connections must be counted
  accepted("endpoint.set", R"({"container":"c1","limits":{"connections":0}})");
  EXPECT_EQ(platform.published->segments[0].policy, nullptr);
}

TEST_F(QosVerbs, ChangesOnlyWhatIsSaid) {
  accepted(
      "endpoint.attach",
      attachment("c1", R"({"rate":"8Mbit/s","contracts":[{"class":"EF","rate":"1Mbit/s"}]})")
  );
  accepted("endpoint.set", R"({"container":"c1","groups":["g"]})");
  accepted("endpoint.set", R"({"container":"c1","qos":{"rate":"9Mbit/s"}})");
  const Json listed = accepted("endpoint.list")["endpoints"][0];
  EXPECT_EQ(listed["groups"][0], "g");
  EXPECT_EQ(listed["qos"]["rate"], 9'000'000);
  EXPECT_EQ(listed["qos"]["contracts"].size(), 1U);
  EXPECT_EQ(
      refusal("endpoint.set", R"({"container":"c1","mac":"02:00:00:00:00:01"})").message,
      "endpoint.mac: there is no such parameter"
  );
  EXPECT_EQ(
      refusal("endpoint.set", R"({"container":"c9"})").message,
      "endpoint \"c9/eth0\" does not exist"
  );
}

TEST_F(QosVerbs, APortHasASchedulerOrNone) {
  accepted("qos.port.set", R"({"port":"up0","rate":"1Gbit/s","weights":{"AF4":10}})");
  accepted("qos.port.set", R"({"port":"up0","ef_share_percent":20})");
  platform.uplink_queues_read[UplinkIndex{0}][0].packets = 3;
  const Json port = accepted("qos.port.list")["ports"][0];
  EXPECT_EQ(port["rate"], 1'000'000'000);
  EXPECT_EQ(port["ef_share_percent"], 20);
  EXPECT_EQ(port["weights"]["AF4"], 10);
  EXPECT_EQ(port["queues"][0]["class"], "EF");
  EXPECT_EQ(port["queues"][0]["packets"], 3);
  accepted("qos.port.set", R"({"port":"up0","scheduler":false})");
  EXPECT_EQ(accepted("qos.port.list")["ports"][0]["scheduler"], false);
  EXPECT_EQ(refusal("qos.port.set", R"({"port":"up9"})").message, "port \"up9\" does not exist");
  EXPECT_EQ(
      refusal("qos.port.set", R"({"port":"up0","weights":{"EF":1}})").message,
      "scheduler.weights.EF: there is no such parameter"
  );
}

}  // namespace
}  // namespace weft::control
