"""Tenants may use the same MACs and the same addresses, and never meet."""

import pytest
from harness.rpc import RpcError
from harness.traffic import ping, warm
from harness.worlds import weft_and_weft

MAC1, MAC3 = "02:00:00:00:00:01", "02:00:00:00:00:03"


def test_the_same_addresses_in_two_tenants_on_one_host(lab):
    weft = lab.weftd(lab.host("A"), cores="0,1")
    pairs = {}
    for tenant in ("acme", "umbrella"):
        weft.segment(name=f"{tenant}-net", tenant=tenant, encap="none")
        pairs[tenant] = [lab.container(f"{tenant}-{number}") for number in (1, 3)]
        for container, number, mac in zip(pairs[tenant], (1, 3), (MAC1, MAC3)):
            weft.attach(container, [f"10.1.0.{number}/24"], segment=f"{tenant}-net", mac=mac)
    warm(pairs["acme"][0], "10.1.0.3")
    # Let the second pair's own chatter (neighbour discovery) end before looking for leaks.
    warm(pairs["umbrella"][0], "10.1.0.3")
    before = pairs["umbrella"][1].statistics("eth0")["rx"]["packets"]
    ping(pairs["acme"][0], "10.1.0.3", count=100, interval=0.002)
    assert pairs["umbrella"][1].statistics("eth0")["rx"]["packets"] < before + 50
    weft("endpoint.detach", container="umbrella-3")
    assert ping(pairs["umbrella"][0], "10.1.0.3", count=1, check=False)[0] == 0
    ping(pairs["acme"][0], "10.1.0.3")


def test_the_same_addresses_in_two_tenants_through_one_tunnel_pair(lab):
    world = weft_and_weft(lab, "vxlan")
    ends = {}
    for daemon, number, remote in ((world.weft, 1, "192.0.2.2"), (world.peer_weft, 2, "192.0.2.1")):
        local = "192.0.2.1" if number == 1 else "192.0.2.2"
        daemon.segment(name="red", tenant="umbrella", vni=6000, vtep=local)
        ends[number] = lab.container(f"red{number}")
        daemon.attach(ends[number], [f"10.1.0.{number}/24"], segment="red")
        daemon.remote(segment="red", vtep=remote)
    warm(ends[1], "10.1.0.2")
    world.peer_weft("endpoint.detach", container="c2")
    # Blue's 10.1.0.2 is gone, red's is not.
    ping(ends[1], "10.1.0.2")
    assert ping(world.c1, "10.1.0.2", count=1, check=False)[0] == 0


def test_a_segment_in_use_is_not_taken_away(lab):
    world = weft_and_weft(lab, "nvgre")
    for method, parameters in (
            ("segment.remove", {"name": "blue"}), ("tenant.remove", {"name": "acme"}),
            ("port.remove", {"name": "up0"})):
        with pytest.raises(RpcError) as refused:
            world.weft(method, **parameters)
        assert refused.value.code == -32003
    ping(world.c1, "10.1.0.2")
