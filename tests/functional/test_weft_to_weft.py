"""Two weftd on two hosts talk through every encapsulation and underlay."""

import pytest
from harness.traffic import ping, tcp_gbps
from harness.worlds import weft_and_weft


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_ping_and_tcp_pass_both_ways(lab, encap, family, cores):
    world = weft_and_weft(lab, encap, family, cores, peer_cores="1" if cores == "0" else "0,1")
    for address in ("10.1.0.{}", "fd00::{}"):
        ping(world.c1, address.format(2))
        ping(world.c2, address.format(1))
        tcp_gbps(world.c1, world.c2, address.format(2), seconds=1)


@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_mtu_handed_to_containers_is_what_the_tunnel_carries(lab, encap, family):
    world = weft_and_weft(lab, encap, family)
    # Inner Ethernet 14, outer IP 20 or 40, UDP and VXLAN 16 or GRE with key 8.
    expected = 1500 - 14 - (20 if family == "ipv4" else 40) - (16 if encap == "vxlan" else 8)
    assert world.c1.link("eth0")["mtu"] == expected
    assert world.c2.link("eth0")["mtu"] == expected
    with world.weft.expect_drops(ignoring=("underlay_not_for_us",)):
        ping(world.c1, "10.1.0.2", size=expected - 28, options=["-M", "do"])
