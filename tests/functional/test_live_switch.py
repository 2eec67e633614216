"""A segment changes its transport under traffic."""

import threading
import time

from harness.frames import GRE, UDP, Ether
from harness.traffic import iperf, ping, warm
from harness.worlds import weft_and_weft


def encapsulations(capture):
    return {
        "nvgre" if GRE in frame else "vxlan"
        for frame in map(Ether, capture.frames()[-200:])
        if GRE in frame or (UDP in frame and frame[UDP].dport == 4789)}


def test_tcp_survives_the_switch_from_vxlan_to_nvgre_and_back(lab):
    world = weft_and_weft(lab, "vxlan")
    result = {}
    stream = threading.Thread(target=lambda: result.update(
        iperf(world.c1, world.c2, "10.1.0.2", seconds=5, options=["-b", "50M"])))
    stream.start()
    with world.peer.capture("net0") as wire:
        for encap in ("nvgre", "vxlan"):
            time.sleep(1.5)
            world.weft("segment.set", name="blue", encap=encap)
            world.peer_weft("segment.set", name="blue", encap=encap)
            time.sleep(0.3)
            wire.frames()
            time.sleep(0.3)
            assert encapsulations(wire) == {encap}
    stream.join()
    # 50 Mbit/s for 5 s; a stall of one retransmission timeout per switch is allowed.
    assert result["sum_received"]["bytes"] > 0.7 * 50e6 / 8 * 5


def test_changing_the_vni_moves_the_segment(lab):
    world = weft_and_weft(lab, "vxlan")
    world.weft("segment.set", name="blue", vni=6000)
    assert ping(world.c1, "10.1.0.2", count=2, check=False)[0] == 0
    assert world.peer_weft.drops()["unknown_vni"] >= 2
    world.peer_weft("segment.set", name="blue", vni=6000)
    warm(world.c1, "10.1.0.2")


def test_stop_and_start_act_at_once(lab):
    world = weft_and_weft(lab, "vxlan")
    world.weft("forwarding.set", enabled=False)
    assert ping(world.c1, "10.1.0.2", count=2, check=False)[0] == 0
    assert world.weft.drops()["forwarding_stopped"] >= 2
    world.weft("forwarding.set", enabled=True)
    warm(world.c1, "10.1.0.2")
