#include "control/stats.h"

#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

class Stats : public ControlFixture {
 protected:
  void attach() {
    make_network();
    accepted("endpoint.attach", R"({"container":"c1","segment":"blue","pid":1})");
  }
  Port& container_port() { return *controller.runtime().ports.begin()->second.port; }
  Port& uplink_port(std::size_t worker) {
    return *controller.runtime().uplinks[0]->opened.port_of_worker[worker];
  }
};

TEST_F(Stats, SumsWorkersAndChecksTheLaw) {
  platform.worker(0).rx.add(10);
  platform.worker(1).rx.add(5);
  platform.worker(0).cloned.add(2);
  platform.worker(0).tx.add(11);
  platform.worker(1).drops.add(DropReason::unknown_vni, 3);
  platform.worker(1).punted.add(1);
  platform.frames_in_flight = 2;
  const Json stats = accepted("stats.get");
  EXPECT_EQ(stats["totals"]["rx"], 15);
  EXPECT_EQ(stats["totals"]["drops"], 3);
  EXPECT_EQ(stats["totals"]["in_flight"], 2);
  EXPECT_EQ(stats["conserved"], true);
  EXPECT_EQ(stats["unaccounted"], 0);
  EXPECT_EQ(stats["mbufs"]["small"]["in_use"], 64);
}

TEST_F(Stats, OneLostFrameBreaksTheLaw) {
  platform.worker(0).rx.add(10);
  platform.worker(0).tx.add(9);
  EXPECT_EQ(accepted("stats.get")["conserved"], false);
  EXPECT_EQ(accepted("stats.get")["unaccounted"], 1);
  platform.worker(0).tx.add(2);
  EXPECT_EQ(accepted("stats.get")["conserved"], false);
  EXPECT_EQ(accepted("stats.get")["unaccounted"], -1);
}

TEST_F(Stats, ClearIsRelativeAndDoesNotTouchTheLaw) {
  attach();
  platform.worker(0).rx.add(10);
  platform.worker(0).drops.add(DropReason::unknown_vni, 10);
  container_port().counters.rx_packets.add(4);
  uplink_port(0).counters.rx_packets.add(3);
  uplink_port(1).counters.rx_packets.add(3);
  EXPECT_EQ(accepted("port.list")["ports"][0]["counters"]["rx_packets"], 6);

  EXPECT_EQ(accepted("stats.clear"), Json::object());
  EXPECT_EQ(accepted("stats.get")["totals"]["rx"], 0);
  EXPECT_EQ(accepted("drops.list")["drops"].size(), 0U);
  EXPECT_EQ(accepted("stats.get")["conserved"], true);
  const Json ports = accepted("port.list")["ports"];
  EXPECT_EQ(ports[0]["counters"]["rx_packets"], 0);
  EXPECT_EQ(ports[1]["counters"]["rx_packets"], 0);

  platform.worker(0).rx.add(1);
  platform.worker(0).tx.add(1);
  container_port().counters.rx_packets.add(1);
  EXPECT_EQ(accepted("stats.get")["totals"]["rx"], 1);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["counters"]["rx_packets"], 1);
}

TEST_F(Stats, APortOpenedAfterClearStartsAtZero) {
  attach();
  container_port().counters.rx_packets.add(100);
  accepted("stats.clear");
  accepted("endpoint.detach", R"({"container":"c1"})");
  accepted("endpoint.attach", R"({"container":"c1","segment":"blue","pid":1})");
  container_port().counters.rx_packets.add(2);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["counters"]["rx_packets"], 2);
}

TEST_F(Stats, DropsCarryTheirSentence) {
  platform.worker(1).drops.add(DropReason::unknown_vni, 7);
  const Json drops = accepted("drops.list")["drops"];
  ASSERT_EQ(drops.size(), 1U);
  EXPECT_EQ(drops[0]["reason"], "unknown_vni");
  EXPECT_EQ(drops[0]["number"], static_cast<int>(DropReason::unknown_vni));
  EXPECT_EQ(drops[0]["count"], 7);
  EXPECT_EQ(drops[0]["by_worker"], Json::parse("[0,7]"));
  EXPECT_EQ(drops[0]["sentence"], drop_info(DropReason::unknown_vni).sentence);
  EXPECT_EQ(accepted("drops.list", R"({"all":true})")["drops"].size(), kDropReasonCount - 1);
}

TEST_F(Stats, PortsAreUplinksFirstWithStableNumbers) {
  attach();
  accepted("port.add", R"({"name":"aa","device":"d"})");
  const Json ports = accepted("port.list")["ports"];
  ASSERT_EQ(ports.size(), 3U);
  EXPECT_EQ(ports[0]["name"], "up0");
  EXPECT_EQ(ports[1]["name"], "aa");
  EXPECT_EQ(ports[1]["port"], 1);
  EXPECT_EQ(ports[2]["port"], 16);
  EXPECT_EQ(ports[2]["role"], "container");
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["port"], 16);
}

TEST_F(Stats, WorkersShowTheirLoad) {
  attach();
  platform.worker(0).busy_cycles.add(750);
  platform.worker(0).idle_cycles.add(250);
  platform.worker(0).longest_iteration.raise_to(3000);  // 1.5 us at 2 GHz
  const Json workers = accepted("worker.list")["workers"];
  ASSERT_EQ(workers.size(), 2U);
  EXPECT_EQ(workers[0]["busy_percent"], 75.0);
  EXPECT_EQ(workers[0]["longest_iteration_us"], 1.5);
  EXPECT_EQ(workers[0]["ports"], 2);
  EXPECT_EQ(workers[1]["ports"], 1);
  EXPECT_EQ(workers[0]["generation"], controller.generation().value());
}

}  // namespace
}  // namespace weft::control
