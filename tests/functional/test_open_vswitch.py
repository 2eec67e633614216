"""Containers of weftd talk to a container behind Open vSwitch's userspace datapath."""

import pytest
from harness.traffic import ping, tcp_gbps
from harness.worlds import weft_and_ovs


@pytest.mark.parametrize("cores", ["0", "0,1"], ids=["1-worker", "2-workers"])
@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_ping_and_tcp_pass_both_ways(lab, encap, cores):
    world = weft_and_ovs(lab, encap, cores)
    ping(world.c1, "10.1.0.2")
    ping(world.c1, "fd00::2")
    ping(world.c2, "fd00::1")
    tcp_gbps(world.c1, world.c2, "10.1.0.2", seconds=1)
    tcp_gbps(world.c2, world.c1, "10.1.0.1", seconds=1)
    tcp_gbps(world.c1, world.c2, "fd00::2", seconds=1)
