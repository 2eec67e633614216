"""Containers of weftd talk to a container behind the kernel's own VXLAN device."""

import pytest
from harness.frames import inner_ping, vxlan
from harness.traffic import ping, tcp_gbps
from harness.worlds import weft_and_kernel, weft_and_wire

WORKERS = pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
UNDERLAY = pytest.mark.parametrize("family", ["ipv4", "ipv6"])


@WORKERS
@UNDERLAY
def test_ping_and_tcp_pass_both_ways(lab, family, cores):
    world = weft_and_kernel(lab, family, cores)
    for address in ("10.1.0.{}", "fd00::{}"):
        ping(world.c1, address.format(2))
        ping(world.c2, address.format(1))
        tcp_gbps(world.c1, world.c2, address.format(2), seconds=1)
        tcp_gbps(world.c2, world.c1, address.format(1), seconds=1)
    totals = world.weft.totals()
    assert totals["encapsulated"] > 0 and totals["decapsulated"] > 0


@UNDERLAY
def test_the_largest_packet_of_the_container_mtu_passes_unfragmented(lab, family):
    world = weft_and_kernel(lab, family)
    mtu = world.c1.link("eth0")["mtu"]
    with world.weft.expect_drops(ignoring=("underlay_not_for_us",)):
        ping(world.c1, "10.1.0.2", size=mtu - 28, options=["-M", "do"])
        ping(world.c1, "fd00::2", size=mtu - 48, options=["-M", "do"])


def test_a_kernel_that_demands_udp_checksums_over_ipv6_gets_them(lab):
    # RFC 6935 s5: zero checksums are the default, and the receiver may refuse them.
    world = weft_and_kernel(
        lab, "ipv6", segment={"udp6_checksum": True}, options="noudp6zerocsumrx")
    ping(world.c1, "10.1.0.2", size=1000)
    ping(world.c1, "fd00::2", size=1001)
    tcp_gbps(world.c1, world.c2, "10.1.0.2", seconds=1)


def test_checksums_that_the_kernel_sends_are_verified_and_right(lab):
    world = weft_and_kernel(lab, options="udpcsum")
    with world.weft.expect_drops(ignoring=("underlay_not_for_us",)):
        ping(world.c2, "10.1.0.1", size=1000)
        tcp_gbps(world.c2, world.c1, "10.1.0.1", seconds=1)


@UNDERLAY
def test_vxlan_uses_the_port_that_the_daemon_was_told(lab, family):
    world = weft_and_kernel(lab, family, port=8472)  # the kernel's own default, older than RFC 7348
    ping(world.c1, "10.1.0.2")
    ping(world.c2, "fd00::1")
    tcp_gbps(world.c2, world.c1, "10.1.0.1", seconds=1)


def test_vxlan_on_another_port_is_not_for_us(lab):
    world = weft_and_wire(lab)
    stray = vxlan(world, inner_ping(), udp={"dport": 8472, "chksum": 0})
    with world.weft.expect_drops(underlay_not_for_us=3):
        world.peer.send_frames("net0", [stray] * 3)


def test_the_source_mac_behind_the_peer_is_learned(lab):
    world = weft_and_kernel(lab)
    ping(world.c1, "10.1.0.2")
    entries = {row["mac"]: row for row in world.weft("fdb.list", segment="blue")["entries"]}
    learned = entries[world.c2.mac("eth0")]
    assert (learned["type"], learned["vtep"]) == ("learned", "192.0.2.2")
    assert entries[world.c1.mac("eth0")]["type"] == "endpoint"
    assert world.weft("fdb.flush", segment="blue")["removed"] >= 1
    ping(world.c1, "10.1.0.2")


def test_jumbo_underlay_gives_containers_a_jumbo_mtu(lab):
    world = weft_and_kernel(lab, mtu=9000)
    assert world.c1.link("eth0")["mtu"] == 8950
    ping(world.c1, "10.1.0.2", size=8950 - 28, options=["-M", "do"])
    tcp_gbps(world.c1, world.c2, "10.1.0.2", seconds=1)
