"""Packets that do not fit the tunnel: their sender is told, on the L2 segment too."""

import pytest
from harness.traffic import ping, tcp_gbps
from harness.worlds import weft_and_kernel, weft_and_weft


@pytest.fixture
def world(lab):
    world = weft_and_kernel(lab)
    # Somebody in the container raised the MTU that weftd gave to the interface.
    world.c1.ip("link set eth0 mtu 1500")
    return world


def test_ipv4_sender_is_told_the_mtu(world):
    # RFC 1191 s4: fragmentation needed, with the next hop's MTU.
    before = world.weft.totals()["too_big_answers"]
    done = world.c1.run(
        "ping", "-n", "-c", 2, "-i", 0.2, "-W", 1, "-M", "do", "-s", 1472, "10.1.0.2", check=False)
    assert "mtu = 1450" in done.stdout or "mtu=1450" in done.stdout + done.stderr, done.stdout
    assert world.weft.drops()["inner_too_big"] >= 1
    assert world.weft.totals()["too_big_answers"] > before


def test_ipv6_sender_is_told_the_mtu(world):
    # RFC 4443 s3.2: packet too big.
    done = world.c1.run(
        "ping", "-n", "-c", 2, "-i", 0.2, "-W", 1, "-M", "do", "-s", 1452, "fd00::2", check=False)
    assert "mtu=1450" in (done.stdout + done.stderr).replace(" ", ""), done.stdout + done.stderr
    assert world.weft.drops()["inner_too_big"] >= 1


def test_the_sender_adapts_and_its_packets_pass(world):
    world.c1.run("ping", "-c", 1, "-W", 1, "-M", "do", "-s", 1472, "10.1.0.2", check=False)
    ping(world.c1, "10.1.0.2", size=1422, options=["-M", "do"])
    world.c1.run("ping", "-c", 1, "-W", 1, "-s", 1452, "fd00::2", check=False)
    ping(world.c1, "fd00::2", size=1402)


def raise_mtu(world):
    for container in (world.c1, world.c2):
        container.ip("link set eth0 mtu 1500")


@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_tcp_works_whatever_the_containers_believe_about_their_mtu(lab, encap):
    world = weft_and_weft(lab, encap)
    raise_mtu(world)
    tcp_gbps(world.c1, world.c2, "10.1.0.2", seconds=1)
    tcp_gbps(world.c1, world.c2, "fd00::2", seconds=1)


@pytest.mark.parametrize("address", ["10.1.0.2", "fd00::2"])
def test_mss_clamp_lowers_the_segments_before_anything_is_dropped(lab, address):
    world = weft_and_weft(lab, "vxlan")
    raise_mtu(world)
    for daemon in (world.weft, world.peer_weft):
        daemon("segment.set", name="blue", mss_clamp=True)
    with world.weft.expect_drops(), world.peer_weft.expect_drops():
        tcp_gbps(world.c1, world.c2, address, seconds=1)
    assert world.weft.totals()["too_big_answers"] == 0
