"""What a container claims to be is checked: each lie is a drop with its own name."""

import pytest
from harness.frames import ARP, C1, ICMP, IP, OTHER, Ether, ICMPv6EchoRequest, IPv6, inner_ping
from harness.traffic import ping
from harness.worlds import weft_and_wire
from scapy.all import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr

C3 = "02:00:00:00:00:03"
V6 = "fd00::1"
LIES = {
    "source MAC of another": (
        "spoofed_source_mac", Ether(src=OTHER, dst=C3) / IP(src="10.1.0.1", dst="10.1.0.3") / ICMP()),
    "source MAC of its neighbour": (
        "spoofed_source_mac", Ether(src=C3, dst=C3) / IP(src="10.1.0.1", dst="10.1.0.3") / ICMP()),
    "group source MAC": (
        "multicast_source_mac",
        Ether(src="03:00:00:00:00:01", dst=C3) / IP(src="10.1.0.1", dst="10.1.0.3") / ICMP()),
    "IPv4 source of another": (
        "spoofed_source_ipv4", Ether(src=C1, dst=C3) / IP(src="10.1.0.2", dst="10.1.0.3") / ICMP()),
    "IPv4 source 0.0.0.0": (
        "spoofed_source_ipv4", Ether(src=C1, dst=C3) / IP(src="0.0.0.0", dst="10.1.0.3") / ICMP()),
    "IPv6 source of another": (
        "spoofed_source_ipv6",
        Ether(src=C1, dst=C3) / IPv6(src="fd00::2", dst="fd00::3") / ICMPv6EchoRequest()),
    "IPv6 link-local of another": (
        "spoofed_source_ipv6",
        Ether(src=C1, dst=C3) / IPv6(src="fe80::ff:fe00:99", dst="fd00::3") / ICMPv6EchoRequest()),
    "ARP sender address of another": (
        "spoofed_arp",
        Ether(src=C1, dst=C3) / ARP(op=2, hwsrc=C1, psrc="10.1.0.2", hwdst=C3, pdst="10.1.0.3")),
    "ARP sender MAC of another": (
        "spoofed_arp",
        Ether(src=C1, dst=C3) / ARP(op=2, hwsrc=OTHER, psrc="10.1.0.1", hwdst=C3, pdst="10.1.0.3")),
    "NA for an address of another": (
        "spoofed_nd",
        Ether(src=C1, dst=C3) / IPv6(src=V6, dst="fd00::3", hlim=255)
        / ICMPv6ND_NA(tgt="fd00::2", R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=C1)),
    "NS with the link-layer address of another": (
        "spoofed_nd",
        Ether(src=C1, dst=C3) / IPv6(src=V6, dst="fd00::3", hlim=255)
        / ICMPv6ND_NS(tgt="fd00::3") / ICMPv6NDOptSrcLLAddr(lladdr=OTHER)),
    "router advertisement": (
        "spoofed_nd",
        Ether(src=C1, dst="33:33:00:00:00:01")
        / IPv6(src="fe80::ff:fe00:1", dst="ff02::1", hlim=255) / ICMPv6ND_RA()),
}


def world_with_c3(lab, **attach):
    """c1 and c3 on one host; c1 has IPv6 in its contract, but its stack keeps quiet."""
    world = weft_and_wire(lab)
    world.weft("endpoint.detach", container="c1")
    c3 = lab.container("c3")
    for container, number, mac, more in ((world.c1, 1, C1, attach), (c3, 3, C3, {})):
        container.sysctl("net.ipv6.conf.default.disable_ipv6", 0)
        world.weft.attach(
            container, [f"10.1.0.{number}/24", f"fd00::{number}/64"], mac=mac, **more)
    return world, c3


def is_from_test(octets):
    """Not the container's own IPv6 chatter (MLD and the like)."""
    return octets[:6] == bytes.fromhex(C3.replace(":", "")) or b"\x86\x00" in octets[54:56]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_dropped_by_name_and_never_delivered(lab, lie):
    world, c3 = world_with_c3(lab)
    ping(world.c1, "10.1.0.3")
    reason, frame = LIES[lie]
    with c3.capture("eth0") as received, world.peer.capture("net0") as wire:
        with world.weft.expect_drops(**{reason: 5}):
            world.c1.send_frames("eth0", [frame] * 5)
        sent = bytes(frame)
        assert sent not in received.frames()
        assert not [octets for octets in wire.frames() if sent in octets]
    ping(world.c1, "10.1.0.3")


def test_without_anti_spoofing_everything_but_a_group_source_mac_passes(lab):
    world, c3 = world_with_c3(lab, anti_spoofing=False)
    frame = inner_ping(source="10.1.0.2", destination="10.1.0.3", mac=OTHER, to=C3)
    with c3.capture("eth0") as received:
        world.c1.send_frames("eth0", [frame])
        received.wait_for(lambda octets: octets[:6] == frame_start(frame), "the unguarded frame")


def frame_start(frame):
    return bytes(frame)[:6]


def test_forged_tags_do_not_carry_a_frame_into_another_segment(lab):
    # Identity is the port: no octet of the frame can change its segment.
    world, _ = world_with_c3(lab)
    c4 = lab.container("c4")
    world.weft.segment(name="red", tenant="other", vni=6000)
    world.weft.attach(c4, ["10.1.0.3/24"], segment="red", mac=C3)
    with c4.capture("eth0") as received:
        world.c1.send_frames("eth0", [
            Ether(src=C1, dst=C3) / IP(src="10.1.0.1", dst="10.1.0.3") / ICMP(id=4242),
            Ether(src=C1, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=C1, psrc="10.1.0.1", pdst="10.1.0.3")])
        ping(world.c1, "10.1.0.3")
        assert not [frame for frame in map(Ether, received.frames()) if frame.src == C1]
