"""Hostile frames on the underlay: each is one named drop, nothing reaches a container."""

import random

import pytest
from harness.frames import (
    C1, ICMP, IP, UDP, VXLAN, Dot1Q, Ether, Raw, inner_ping, nvgre, outer, raw_gre, vxlan)
from harness.lab import Lab
from harness.worlds import weft_and_wire

TAGGED = Ether(src="02:00:00:00:00:02", dst=C1) / Dot1Q(vlan=5) / IP(dst="10.1.0.1") / ICMP()

# What arrives: the reason that must count it. {name: (reason, frame made in the world)}
BAD_VXLAN = {
    "VNI that nobody has": ("unknown_vni", lambda w: vxlan(w, inner_ping(), vni=5002)),
    "VNI 0": ("unknown_vni", lambda w: vxlan(w, inner_ping(), vni=0)),
    "VTEP that is no remote": ("unknown_remote_vtep", lambda w: vxlan(w, inner_ping(), src="192.0.2.66")),
    "I flag clear": ("vxlan_flag_missing", lambda w: vxlan(w, inner_ping(), flags=0)),
    "all flags but I": ("vxlan_flag_missing", lambda w: vxlan(w, inner_ping(), flags=0xf7)),
    "VXLAN header cut": ("truncated_vxlan", lambda w: outer(w) / UDP(sport=50000, dport=4789, chksum=0)
                         / Raw(b"\x08\0\0\0\0")),
    "no inner frame": ("truncated_ethernet", lambda w: vxlan(w, Raw(b""))),
    "inner frame cut": ("truncated_ethernet", lambda w: vxlan(w, Raw(b"\x02" * 13))),
    "inner IPv4 cut": ("truncated_ipv4", lambda w: vxlan(w, Raw(bytes(inner_ping())[:30]))),
    "inner IPv4 longer than it is": (
        "ipv4_length_mismatch", lambda w: vxlan(w, Raw(bytes(inner_ping())[:50]))),
    "UDP checksum wrong": ("bad_udp_checksum", lambda w: vxlan(w, inner_ping(), udp={"chksum": 0x1234})),
    "UDP longer than IP": ("bad_udp_length", lambda w: vxlan(w, inner_ping(), udp={"len": 1000})),
    "UDP shorter than its header": ("bad_udp_length", lambda w: vxlan(w, inner_ping(), udp={"len": 4})),
    "outer IPv4 checksum wrong": ("bad_ipv4_checksum", lambda w: vxlan(w, inner_ping(), chksum=0x1234)),
    "tagged inner frame": ("inner_vlan_tag", lambda w: vxlan(w, TAGGED)),
    "congestion that nobody can be told": (
        "ecn_congestion_lost", lambda w: vxlan(w, inner_ping(tos=0), tos=3)),
    "source MAC of our own container": (
        "remote_claims_local_mac", lambda w: vxlan(w, inner_ping(mac=C1, to="02:00:00:00:00:99"))),
    "split horizon": ("split_horizon", lambda w: vxlan(
        w, Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:02") / IP(src="10.1.0.2") / ICMP())),
    "outer destination that is not the VTEP": (
        "underlay_not_for_us", lambda w: vxlan(w, inner_ping(), dst="192.0.2.77")),
    "not a tunnel": ("underlay_not_for_us", lambda w: outer(w) / UDP(dport=9) / Raw(b"x")),
    "unknown EtherType": ("underlay_not_for_us", lambda w: Ether(
        src=w.peer.mac("net0"), dst=outer(w).dst, type=0x88b5) / Raw(b"x" * 46)),
    "outer IPv4 header cut": ("truncated_ipv4", lambda w: Raw(bytes(outer(w))[:24])),
}
BAD_NVGRE = {
    "VSID that nobody has": ("unknown_vni", lambda w: nvgre(w, inner_ping(), vsid=5002)),
    "reserved VSID, low": ("reserved_vsid", lambda w: nvgre(w, inner_ping(), vsid=0xfff)),
    "reserved VSID, high": ("reserved_vsid", lambda w: nvgre(w, inner_ping(), vsid=0xffffff)),
    "no key": ("gre_flags_refused", lambda w: raw_gre(w, inner_ping(), proto=0x6558)),
    "checksum": ("gre_flags_refused", lambda w: raw_gre(
        w, inner_ping(), proto=0x6558, chksum_present=1, key_present=1, key=5001 << 8)),
    "sequence number": ("gre_flags_refused", lambda w: raw_gre(
        w, inner_ping(), proto=0x6558, seqnum_present=1, key_present=1, key=5001 << 8)),
    "GRE that carries IP": ("gre_not_nvgre", lambda w: raw_gre(
        w, IP(dst="10.1.0.1") / ICMP(), proto=0x800, key_present=1, key=5001 << 8)),
    "GRE version 1": ("gre_not_nvgre", lambda w: raw_gre(
        w, inner_ping(), proto=0x6558, version=1, key_present=1, key=5001 << 8)),
    "GRE header cut": ("truncated_gre", lambda w: outer(w, proto=47) / Raw(b"\x20\x00\x65")),
    "tagged inner frame": ("inner_vlan_tag", lambda w: nvgre(w, TAGGED)),
    "congestion that nobody can be told": (
        "ecn_congestion_lost", lambda w: nvgre(w, inner_ping(tos=0), tos=3)),
}


@pytest.fixture(scope="module", params=["vxlan", "nvgre"])
def shared(request, tmp_path_factory):
    """One world for all cases of an encapsulation: nothing that arrives may disturb it."""
    lab = Lab(tmp_path_factory.mktemp(request.param))
    world = weft_and_wire(lab, encap=request.param)
    yield request.param, world
    lab.close(has_failed=False)


def check(world, reason, frame):
    with world.c1.capture("eth0") as received:
        with world.weft.expect_drops(**{reason: 3}):
            world.peer.send_frames("net0", [frame] * 3)
        assert received.frames() == []


@pytest.mark.parametrize("case", BAD_VXLAN)
@pytest.mark.parametrize("shared", ["vxlan"], indirect=True)
def test_bad_vxlan_is_one_named_drop(shared, case):
    reason, make = BAD_VXLAN[case]
    check(shared[1], reason, make(shared[1]))


@pytest.mark.parametrize("case", BAD_NVGRE)
@pytest.mark.parametrize("shared", ["nvgre"], indirect=True)
def test_bad_nvgre_is_one_named_drop(shared, case):
    reason, make = BAD_NVGRE[case]
    check(shared[1], reason, make(shared[1]))


@pytest.mark.parametrize("make", [
    pytest.param(lambda w: Ether(set_octets(vxlan(w, inner_ping()), {42: 0xff})), id="VXLAN flags"),
    pytest.param(lambda w: Ether(set_octets(vxlan(w, inner_ping()), {43: 1, 44: 2, 45: 3, 49: 0xff})),
                 id="VXLAN reserved octets"),
    pytest.param(lambda w: vxlan(w, inner_ping(), udp={"sport": 1}), id="any source port"),
    pytest.param(lambda w: outer(w) / UDP(sport=50000, dport=4789) / VXLAN(vni=5001, flags=8)
                 / inner_ping(), id="right UDP checksum"),
    pytest.param(lambda w: vxlan(w, inner_ping()) / Raw(b"\0" * 7), id="padding behind the packet"),
])
@pytest.mark.parametrize("shared", ["vxlan"], indirect=True)
def test_what_the_rfc_says_to_ignore_is_ignored(shared, make):
    # RFC 7348 s5: reserved bits MUST be ignored on receipt.
    _, world = shared
    with world.c1.capture("eth0") as received, world.weft.expect_drops():
        world.peer.send_frames("net0", [make(world)])
        received.wait_for(lambda octets: ICMP in Ether(octets), "the inner ping")


def set_octets(frame, values):
    octets = bytearray(bytes(frame))
    for offset, value in values.items():
        octets[offset] = value
    return bytes(octets)


@pytest.mark.parametrize("shared", ["vxlan"], indirect=True)
def test_the_vni_of_another_tenant_is_refused_from_a_vtep_that_is_not_its_remote(shared):
    _, world = shared
    world.weft.segment(name="red", tenant="other", vni=7000)
    check(world, "unknown_remote_vtep", vxlan(world, inner_ping(), vni=7000))


@pytest.mark.parametrize("shared", ["vxlan"], indirect=True)
def test_a_segment_that_keeps_inner_tags_delivers_them(shared):
    _, world = shared
    world.weft("segment.set", name="blue", inner_vlan="keep")
    with world.c1.capture("eth0") as received, world.weft.expect_drops():
        world.peer.send_frames("net0", [vxlan(world, TAGGED)])
        received.wait_for(lambda octets: ICMP in Ether(octets), "the tagged inner frame")
    world.weft("segment.set", name="blue", inner_vlan="drop")


@pytest.mark.parametrize("shared", ["vxlan"], indirect=True)
def test_ten_thousand_random_frames_do_no_harm(shared):
    _, world = shared
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.seed(seed)
    good = bytes(vxlan(world, inner_ping()))
    frames = []
    for _ in range(10000):
        octets = bytearray(good[:random.randrange(14, len(good) + 1)])
        for _ in range(random.randrange(4)):
            octets[random.randrange(12, len(octets))] = random.randrange(256)
        frames.append(bytes(octets))
    world.peer.send_frames("net0", frames)
    with world.c1.capture("eth0") as received:
        world.peer.send_frames("net0", [good])
        received.wait_for(lambda octets: octets == bytes(inner_ping()), "a good frame afterwards")
    world.weft.assert_conserved()
