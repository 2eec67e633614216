"""ARP and neighbour discovery for known endpoints are answered on the spot."""

import pytest
from harness.frames import ARP, C1, C2, UDP, Ether, IPv6
from harness.namespace import wait_until
from harness.traffic import ping
from harness.worlds import inner, weft_and_kernel, weft_and_wire
from scapy.all import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr

ASK = Ether(src=C1, dst="ff:ff:ff:ff:ff:ff") / ARP(
    op="who-has", hwsrc=C1, psrc="10.1.0.1", pdst="10.1.0.2")


def is_arp_reply(octets):
    frame = Ether(octets)
    return ARP in frame and frame[ARP].op == 2


def test_a_permanent_neighbor_is_used_without_asking(lab):
    host, peer, c1 = lab.host("A"), lab.host("B"), lab.container("c1")
    lab.uplink_wire(host, peer)
    weft = lab.weftd(host)
    gateway = "02:00:00:00:0e:0e"
    with peer.capture("net0") as wire:
        weft("port.add", name="up0", device="af_packet:net0", addresses=["192.0.2.1/24"],
             neighbors=[{"address": "192.0.2.2", "mac": gateway}])
        weft.segment()
        weft.attach(c1, inner(1))
        weft("remote.add", segment="blue", vtep="192.0.2.2")
        ping(c1, "10.1.0.9", count=1, check=False)
        sent = Ether(wire.wait_for(lambda octets: UDP in Ether(octets), "VXLAN"))
        asked = [frame for frame in map(Ether, wire.frames())
                 if ARP in frame and frame[ARP].pdst == "192.0.2.2"]
    assert (sent.dst, asked) == (gateway, [])


def test_arp_for_a_remote_endpoint_is_answered_and_not_tunnelled(lab):
    world = weft_and_wire(lab)
    before = world.weft.totals()
    with world.c1.capture("eth0") as answers, world.peer.capture("net0") as wire:
        world.c1.send_frames("eth0", [ASK])
        reply = Ether(answers.wait_for(is_arp_reply, "ARP reply"))[ARP]
        assert wire.frames() == []
    assert (reply.hwsrc, reply.psrc, reply.hwdst, reply.pdst) == (C2, "10.1.0.2", C1, "10.1.0.1")
    after = world.weft.totals()
    assert after["suppressed"] == before["suppressed"] + 1
    assert after["encapsulated"] == before["encapsulated"]


def test_arp_is_tunnelled_when_suppression_is_off(lab):
    world = weft_and_wire(lab, segment={"suppress_neighbors": False})
    with world.peer.capture("net0") as wire:
        world.c1.send_frames("eth0", [ASK])
        wire.wait_for(lambda octets: ARP in Ether(octets) and b"\x08\x06" in octets[42:], "ARP in VXLAN")
    assert world.weft.totals()["suppressed"] == 0


@pytest.mark.parametrize("question", [
    pytest.param(ARP(op=1, hwsrc=C1, psrc="10.1.0.1", pdst="10.1.0.1"), id="gratuitous"),
    pytest.param(ARP(op=1, hwsrc=C1, psrc="0.0.0.0", pdst="10.1.0.1"), id="probe of its own"),
])
def test_announcements_are_no_questions(lab, question):
    world = weft_and_wire(lab)
    with world.c1.capture("eth0") as answers:
        world.c1.send_frames("eth0", [Ether(src=C1, dst="ff:ff:ff:ff:ff:ff") / question])
        wait_until(lambda: world.weft.totals()["encapsulated"] >= 1, "the announcement is flooded")
        assert not list(filter(is_arp_reply, answers.frames()))


def test_neighbour_solicitation_for_a_local_endpoint_is_answered(lab):
    world = weft_and_kernel(lab)
    c3 = lab.container("c3")
    world.weft.attach(c3, ["10.1.0.3/24", "fd00::3/64"])
    mac = world.c1.mac("eth0")
    solicitation = (
        Ether(src=mac, dst="33:33:ff:00:00:03")
        / IPv6(src="fd00::1", dst="ff02::1:ff00:3", hlim=255)
        / ICMPv6ND_NS(tgt="fd00::3") / ICMPv6NDOptSrcLLAddr(lladdr=mac))
    with world.c1.capture("eth0") as answers, c3.capture("eth0") as asked:
        world.c1.send_frames("eth0", [solicitation])
        advertisement = Ether(answers.wait_for(
            lambda octets: ICMPv6ND_NA in Ether(octets), "neighbour advertisement"))
        assert not [frame for frame in map(Ether, asked.frames()) if ICMPv6ND_NS in frame]
    assert advertisement[ICMPv6ND_NA].tgt == "fd00::3"
    assert (advertisement[ICMPv6ND_NA].S, advertisement[ICMPv6ND_NA].O) == (1, 1)
    assert advertisement.src == c3.mac("eth0")
    ping(world.c1, "fd00::3")


def test_the_vtep_answers_ping_on_the_underlay(lab):
    world = weft_and_kernel(lab)
    ping(world.peer, "192.0.2.1")
    world.peer.ip("addr add 2001:db8::2/64 dev net0")
    ping(world.peer, "2001:db8::1")
