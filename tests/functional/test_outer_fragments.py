"""VTEPs do not reassemble (RFC 7348 s4.3): fragments of the outer packet are counted, not delivered."""

import pytest
from harness.frames import UDP, inner_ping, outer, vxlan
from harness.worlds import weft_and_wire
from scapy.all import IPv6ExtHdrFragment


@pytest.mark.parametrize("offset", [0, 10])
def test_outer_fragments_are_counted(lab, offset):
    # IPv6 only: the kernel reassembles IPv4 before DPDK's af_packet device sees it (it asks for
    # PACKET_FANOUT_FLAG_DEFRAG, and has no argument to leave that out: pmd-config/README.md). IPv4
    # fragments are in the golden packets.
    world = weft_and_wire(lab, family="ipv6")
    whole = vxlan(world, inner_ping(), family="ipv6", udp={"chksum": 0})
    fragment = outer(world, "ipv6", nh=44) / IPv6ExtHdrFragment(offset=offset, m=1, nh=17) / whole[UDP]
    with world.weft.expect_drops(ignoring=("underlay_not_for_us",), outer_fragment=3):
        world.peer.send_frames("net0", [fragment] * 3)
