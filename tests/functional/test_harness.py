"""The harness itself: two peers that nobody here wrote understand each other in it."""

import pytest
from harness.peers import KernelVxlan, OpenVSwitch, underlay
from harness.traffic import ping, tcp_gbps, warm
from scapy.all import GRE, Ether


def test_kernel_vxlan_talks_to_kernel_vxlan(lab):
    a, b, c, d = (lab.host(name) for name in "ABcd")
    lab.wire(a, b)
    KernelVxlan(a, c, local="192.0.2.1", remote="192.0.2.2", addresses=["10.1.0.1/24", "fd00::1/64"])
    KernelVxlan(b, d, local="192.0.2.2", remote="192.0.2.1")
    warm(c, "10.1.0.2")
    ping(c, "fd00::2")
    tcp_gbps(c, d, "10.1.0.2", seconds=1)


def test_kernel_vxlan_talks_to_open_vswitch(lab):
    a, b, c, d = (lab.host(name) for name in "ABcd")
    lab.wire(a, b)
    KernelVxlan(a, c, local="192.0.2.1", remote="192.0.2.2", addresses=["10.1.0.1/24"])
    lab.peer(OpenVSwitch(b, d, encap="vxlan"))
    warm(c, "10.1.0.2", seconds=10)
    ping(c, "10.1.0.2")


@pytest.mark.parametrize("flow_id", [0, 7])
def test_open_vswitch_gre_with_a_key_is_nvgre_on_the_wire(lab, flow_id):
    a, b, d = (lab.host(name) for name in "ABd")
    lab.wire(a, b)
    underlay(a, ["192.0.2.1/24"])
    lab.peer(OpenVSwitch(b, d, encap="gre", flow_id=flow_id))
    ping(a, "192.0.2.2", count=1)
    with a.capture("net0") as wire:
        # The first packets are lost while this datapath resolves the VTEP.
        ping(d, "10.1.0.9", count=5, interval=0.2, check=False)
        gre = next(Ether(octets)[GRE] for octets in wire.frames() if GRE in Ether(octets))
    assert (gre.key_present, gre.chksum_present, gre.seqnum_present) == (1, 0, 0)
    assert (gre.proto, gre.key) == (0x6558, 5001 << 8 | flow_id)
