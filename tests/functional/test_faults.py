"""What breaks under a running switch, and what must not break with it."""

import subprocess

import pytest
from harness.frames import IP, UDP, Ether
from harness.namespace import wait_until
from harness.traffic import ping, warm
from harness.worlds import inner, weft_and_kernel


def three_local(lab, kind="tap", cores="0"):
    weft = lab.weftd(lab.host("A"), cores=cores)
    weft.segment(encap="none")
    containers = [lab.container(f"c{number}") for number in (1, 3, 4)]
    for container, number in zip(containers, (1, 3, 4)):
        weft.attach(container, inner(number), kind=kind)
    warm(containers[0], "10.1.0.3")
    return weft, *containers


def states(weft):
    return {row["container"]: row["state"] for row in weft("endpoint.list")["endpoints"]}


@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_a_namespace_that_vanishes_is_noticed_and_its_port_reaped(lab, kind):
    weft, c1, c3, c4 = three_local(lab, kind)
    c3.delete()
    wait_until(
        lambda: states(weft).get("c3", "gone") == "gone", "the vanished namespace is noticed", seconds=10)
    ping(c1, "10.1.0.4")
    weft("endpoint.detach", container="c3")
    weft("endpoint.detach", container="c3")
    lab.namespaces.remove(c3)
    again = lab.container("c3")
    weft.attach(again, inner(3), kind=kind)
    warm(c1, "10.1.0.3")


@pytest.mark.parametrize("kind", ["tap", "veth"])
def test_an_interface_deleted_inside_the_container_disturbs_nobody(lab, kind):
    weft, c1, c3, _ = three_local(lab, kind)
    c3.ip("link del eth0")
    ping(c1, "10.1.0.4")
    wait_until(lambda: states(weft).get("c3", "gone") == "gone", "the port is noticed as gone", seconds=10)
    weft("endpoint.detach", container="c3")
    ping(c1, "10.1.0.4")


def test_an_interface_set_down_and_up_works_again(lab):
    weft, c1, c3, _ = three_local(lab)
    c3.ip("link set eth0 down")
    assert ping(c1, "10.1.0.3", count=2, check=False)[0] == 0
    assert weft.drops().get("tx_refused", 0) >= 1
    c3.ip("link set eth0 up")
    warm(c1, "10.1.0.3")


def test_an_uplink_that_goes_down_comes_back(lab):
    world = weft_and_kernel(lab)
    c3 = lab.container("c3")
    world.weft.attach(c3, inner(3))

    def link():
        return world.weft("port.list")["ports"][0]["link"]
    world.peer.ip("link set net0 down")
    wait_until(lambda: link() == "down", "the link is seen down", seconds=10)
    assert ping(world.c1, "10.1.0.2", count=3, check=False)[0] == 0
    wait_until(lambda: world.weft.drops().get("uplink_down", 0) >= 1, "a drop: uplink_down")
    warm(world.c1, "10.1.0.3")
    ping(world.c1, "10.1.0.3")
    world.peer.ip("link set net0 up")
    wait_until(lambda: link() == "up", "the link is seen up", seconds=10)
    warm(world.c1, "10.1.0.2", seconds=15)


def test_an_uplink_set_down_by_the_operator_comes_back(lab):
    world = weft_and_kernel(lab)
    world.weft("port.set", name="up0", up=False)
    assert ping(world.c1, "10.1.0.2", count=2, check=False)[0] == 0
    world.weft("port.set", name="up0", up=True)
    warm(world.c1, "10.1.0.2", seconds=10)


FLOODER = """
import socket
flood = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
flood.bind(("eth0", 0))
frame = bytes.fromhex({frame!r})
while True:
    try:
        flood.send(frame)
    except OSError:
        pass
"""


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
@pytest.mark.parametrize("target", ["another container", "everybody"])
def test_a_flooding_container_does_not_starve_others(lab, target, cores):
    weft, c1, c3, c4 = three_local(lab, cores=cores)
    to = c4.mac("eth0") if target == "another container" else "ff:ff:ff:ff:ff:ff"
    frame = bytes(Ether(src=c3.mac("eth0"), dst=to) / IP(src="10.1.0.3", dst="10.1.0.4") / UDP(dport=9))
    before = weft.totals()["rx"]
    flooder = subprocess.Popen(c3.inside(
        "/usr/bin/python3", "-c", FLOODER.format(frame=frame.hex())))
    try:
        wait_until(lambda: weft.totals()["rx"] > before + 20000, "the flood runs", seconds=10)
        received, _ = ping(c1, "10.1.0.4", count=100, interval=0.01, check=False)
        if target == "everybody":
            assert weft.drops()["broadcast_budget"] > 10000
    finally:
        flooder.kill()
        flooder.wait()
    assert received >= 99, f"{100 - received} of 100 pings were lost beside a flood"


def test_a_peer_that_never_answers_arp_does_not_hold_up_the_others(lab):
    world = weft_and_kernel(lab)
    world.weft("remote.add", segment="blue", vtep="192.0.2.99")
    ping(world.c1, "10.1.0.2")
    world.c1.run("ping", "-b", "-c", 2, "-i", 0.2, "-W", 1, "10.1.0.255", check=False)
    assert world.weft.drops()["remote_unresolved"] >= 1
    ping(world.c1, "10.1.0.2")
