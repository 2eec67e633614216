"""The outer header on the wire, octet by octet where an RFC says so."""

import json
import subprocess

import pytest
from harness.frames import GRE, ICMP, IP, UDP, Ether, IPv6, inner_ping, nvgre, vxlan
from harness.traffic import iperf, ping
from harness.worlds import weft_and_weft, weft_and_wire
from scapy.all import wrpcap

CONTAINER_PING = inner_ping(source="10.1.0.1", destination="10.1.0.2",
                            mac="02:00:00:00:00:01", to="02:00:00:00:00:02")


def tunnelled(octets):
    frame = Ether(octets)
    return GRE in frame or (UDP in frame and frame[UDP].dport == 4789)


def sent(world, frame):
    """What leaves the uplink when the container sends `frame`."""
    with world.peer.capture("net0") as wire:
        world.c1.send_frames("eth0", [frame])
        return Ether(wire.wait_for(tunnelled, "a tunnel packet"))


def udp_ping(port):
    return Ether(src=CONTAINER_PING.src, dst=CONTAINER_PING.dst) / IP(
        src="10.1.0.1", dst="10.1.0.2") / UDP(sport=port, dport=9)


def test_vxlan_over_ipv4(lab):
    frame = sent(weft_and_wire(lab), CONTAINER_PING)
    ip, udp, octets = frame[IP], frame[UDP], bytes(frame[UDP].payload)
    assert (ip.src, ip.dst, ip.ttl) == ("192.0.2.1", "192.0.2.2", 64)
    assert ip.flags == "DF" and ip.frag == 0
    assert 49152 <= udp.sport <= 65535 and udp.dport == 4789 and udp.chksum == 0
    # RFC 7348 s5: flags RRRRIRRR, 24 reserved bits, VNI, 8 reserved bits.
    assert octets[:8] == bytes([0x08, 0, 0, 0]) + (5001).to_bytes(3, "big") + b"\0"
    assert octets[8:] == bytes(CONTAINER_PING)


def test_vxlan_over_ipv6(lab):
    frame = sent(weft_and_wire(lab, family="ipv6"), CONTAINER_PING)
    assert (frame[IPv6].src, frame[IPv6].dst, frame[IPv6].hlim) == ("2001:db8::1", "2001:db8::2", 64)
    assert frame[IPv6].fl != 0, "RFC 6438: the flow label carries the entropy"
    assert frame[UDP].chksum == 0, "RFC 6935: zero by default"
    assert bytes(frame[UDP].payload)[8:] == bytes(CONTAINER_PING)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_nvgre(lab, family):
    frame = sent(weft_and_wire(lab, family=family, encap="nvgre"), CONTAINER_PING)
    octets = bytes(frame[GRE])
    # RFC 7637 s3.2: C and S clear, K set, version 0, protocol 0x6558, VSID and FlowID.
    assert octets[:4] == bytes([0x20, 0x00, 0x65, 0x58])
    assert int.from_bytes(octets[4:7], "big") == 5001
    assert octets[8:] == bytes(CONTAINER_PING)


@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_entropy_differs_between_flows_and_not_within_one(lab, encap):
    world = weft_and_wire(lab, encap=encap)

    def entropy(port):
        frame = sent(world, udp_ping(port))
        return frame[UDP].sport if encap == "vxlan" else bytes(frame[GRE])[7]
    assert len({entropy(1000) for _ in range(4)}) == 1
    assert len({entropy(port) for port in range(1000, 1016)}) > 8


MODES = {"uniform": {}, "pipe": {"dscp_mode": "pipe"}, "fixed": {"dscp_mode": "fixed", "dscp": 46}}


@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
@pytest.mark.parametrize("mode", MODES)
def test_dscp_and_ecn_on_the_way_out(lab, mode, encap):
    # RFC 2983 for DSCP; RFC 6040 s4.1, normal mode: the outer ECN field is the inner one.
    world = weft_and_wire(lab, encap=encap, segment=MODES[mode])
    for inner_tos in (0x00, 0x02, 0x01, 0x03, 0x28 | 0x02):
        frame = CONTAINER_PING.copy()
        frame[IP].tos = inner_tos
        dscp = 46 << 2 if mode == "fixed" else inner_tos & 0xfc
        assert sent(world, frame)[IP].tos == dscp | (inner_tos & 3)


# RFC 6040 figure 4: (inner, outer) -> what the receiver sees; None: dropped.
NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
ARRIVES = {
    (NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT0): NOT_ECT, (NOT_ECT, ECT1): NOT_ECT, (NOT_ECT, CE): None,
    (ECT0, NOT_ECT): ECT0, (ECT0, ECT0): ECT0, (ECT0, ECT1): ECT1, (ECT0, CE): CE,
    (ECT1, NOT_ECT): ECT1, (ECT1, ECT0): ECT1, (ECT1, ECT1): ECT1, (ECT1, CE): CE,
    (CE, NOT_ECT): CE, (CE, ECT0): CE, (CE, ECT1): CE, (CE, CE): CE}


@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_the_whole_ecn_table_on_the_way_in(lab, encap):
    world = weft_and_wire(lab, encap=encap)
    wrap = vxlan if encap == "vxlan" else nvgre
    with world.c1.capture("eth0") as received, world.weft.expect_drops(ecn_congestion_lost=1):
        for (inner, outer), seen in ARRIVES.items():
            world.peer.send_frames("net0", [wrap(world, inner_ping(tos=inner), tos=outer)])
            if seen is None:
                continue
            ip = Ether(received.wait_for(lambda octets: ICMP in Ether(octets), f"{inner}, {outer}"))[IP]
            assert ip.tos == seen, f"inner {inner}, outer {outer}"
            checksum, ip.chksum = ip.chksum, None
            assert IP(bytes(ip)).chksum == checksum, "the inner header checksum was not mended"


@pytest.mark.parametrize("mode, seen", [("uniform", 0x28), ("pipe", 0x50), ("fixed", 0x50)])
def test_dscp_on_the_way_in(lab, mode, seen):
    world = weft_and_wire(lab, segment=MODES[mode])
    with world.c1.capture("eth0") as received:
        world.peer.send_frames("net0", [vxlan(world, inner_ping(tos=0x50), tos=0x28)])
        frame = Ether(received.wait_for(lambda octets: ICMP in Ether(octets), "the inner ping"))
    assert frame[IP].tos == seen


# epan/proto.h. A loaded machine loses, repeats and resets (group "sequence"): no fault of the encoding.
WARNING, SEQUENCE = 0x600000, 0x02000000


def warnings(node):
    """The expert infos of a dissected frame that are warnings at least."""
    if isinstance(node, list):
        return [found for item in node for found in warnings(item)]
    if not isinstance(node, dict):
        return []
    found = [item for value in node.values() for item in warnings(value)]
    is_told = int(node.get("_ws.expert.severity", 0)) >= WARNING
    if is_told and int(node["_ws.expert.group"]) != SEQUENCE:
        found.append(node)
    return found


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("encap", ["vxlan", "nvgre"])
def test_tshark_decodes_everything_without_an_expert_warning(lab, encap, family):
    world = weft_and_weft(lab, encap, family)
    with world.peer.capture("net0") as wire:
        ping(world.c1, "10.1.0.2", size=1000)
        ping(world.c1, "fd00::2")
        iperf(world.c1, world.c2, "10.1.0.2", seconds=1, options=["-b", "2M"])
        frames = wire.frames(outgoing=True)
    path = lab.folder / "wire.pcap"
    wrpcap(str(path), [Ether(octets) for octets in frames])

    def tshark(display_filter):
        done = subprocess.run(
            ["tshark", "-r", path, "-Y", display_filter, "-T", "json", "--no-duplicate-keys",
             "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
             "-o", "tcp.check_checksum:TRUE",
             # RFC 6935 s5: tunnels may send zero over IPv6.
             "-o", "udp.ignore_ipv6_zero_checksum:TRUE"],
            capture_output=True, text=True, check=True)
        return json.loads(done.stdout or "[]")
    assert len(tshark("vxlan" if encap == "vxlan" else "gre.key")) > 20
    told = [item for frame in tshark(f"_ws.expert.severity >= {WARNING}") for item in warnings(frame)]
    assert not told, json.dumps(told, indent=1)
