#!/usr/bin/python3
"""Writes the golden packets: small pcap files, and beside each a JSON list that says of every packet, in
order, what must become of it.

    generate.py            rewrites the files beside this script, and the fuzz targets' seeds made of them
    generate.py --check    compares instead of writing; exit status 1 when they differ, 77 without scapy

Everything here is built by scapy, not by Weft, and is deterministic. tests/golden/README.md describes the
fields.
"""

import argparse
import json
import pathlib
import struct
import sys

try:
    from scapy.all import (
        ARP, GRE, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA,
        ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
        IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw,
    )
    from scapy.layers.inet import IPOption_RR
    from scapy.layers.vxlan import VXLAN
except ImportError:
    print("SKIP: scapy is not installed (python3-scapy)")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus"
MAX_PCAP = 64 * 1024

UPLINK_MAC, ROUTER_MAC = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
LOCAL = {"v4": "192.0.2.1", "v6": "2001:db8::1"}
REMOTE = {"v4": "192.0.2.2", "v6": "2001:db8::2"}
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"

VNI = 5001  # usable as VNI and as VSID
DATA = bytes(range(32))


# -- inner frames ------------------------------------------------------------------------------

def inner_ipv4(tos=0, data=DATA):
    return Ether(src=A, dst=B) / IP(src="10.1.0.1", dst="10.1.0.2", tos=tos) / UDP(
        sport=40000, dport=40001) / Raw(data)


def inner_ipv6(tos=0, data=DATA):
    return Ether(src=A, dst=B) / IPv6(src="fd00::1", dst="fd00::2", tc=tos) / UDP(
        sport=40000, dport=40001) / Raw(data)


def inner_tcp(data=DATA):
    return Ether(src=A, dst=B) / IP(src="10.1.0.1", dst="10.1.0.2", flags="DF") / TCP(
        sport=40000, dport=40001, flags="A", seq=1, ack=1) / Raw(data)


def inner_arp():
    return Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / ARP(
        op="who-has", hwsrc=A, psrc="10.1.0.1", hwdst="00:00:00:00:00:00", pdst="10.1.0.2")


def inner_other():
    """IEEE 802 local experimental EtherType."""
    return Ether(src=A, dst=B, type=0x88B5) / Raw(DATA)


def tagged(frame, *ethertypes):
    """`frame` with one tag per EtherType, outermost first."""
    octets = bytes(frame)
    tags = b"".join(struct.pack("!HH", ethertype, 7) for ethertype in ethertypes)
    return Raw(octets[:12] + tags + octets[12:])


INNERS = [  # name, frame, inner_l3, inner_vlans
    ("ipv4", inner_ipv4(), "ipv4", 0),
    ("ipv6", inner_ipv6(), "ipv6", 0),
    ("icmp", Ether(src=A, dst=B) / IP(src="10.1.0.1", dst="10.1.0.2") / ICMP(id=1) / Raw(DATA),
     "ipv4", 0),
    ("icmpv6", Ether(src=A, dst=B) / IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest(id=1),
     "ipv6", 0),
    ("tcp", inner_tcp(), "ipv4", 0),
    ("arp", inner_arp(), "arp", 0),
    ("not_ip", inner_other(), "other", 0),
    ("fragment", Ether(src=A, dst=B) / IP(src="10.1.0.1", dst="10.1.0.2", flags="MF", frag=0) / UDP(
        sport=40000, dport=40001, len=100, chksum=1) / Raw(DATA), "ipv4", 0),
    ("tag", tagged(inner_ipv4(), 0x8100), "ipv4", 1),
    ("two_tags", tagged(inner_ipv6(), 0x88A8, 0x8100), "ipv6", 2),
    ("odd_size", inner_ipv4(data=DATA[:31]), "ipv4", 0),
]


# -- outer headers -----------------------------------------------------------------------------

def underlay(family, proto, tos=0, flow_label=0, sender="remote", **fields):
    """Ethernet and IP towards us, or from us when `sender` is "local"."""
    source, destination = (REMOTE, LOCAL) if sender == "remote" else (LOCAL, REMOTE)
    if sender == "remote":
        ethernet = Ether(src=ROUTER_MAC, dst=UPLINK_MAC)
    else:
        ethernet = Ether(src=UPLINK_MAC, dst=ROUTER_MAC)
    if family == "v4":
        fields = {"flags": "DF", "id": 0, "ttl": 64, **fields}
        return ethernet / IP(
            src=source["v4"], dst=destination["v4"], tos=tos, proto=proto, **fields)
    fields = {"hlim": 64, **fields}
    return ethernet / IPv6(
        src=source["v6"], dst=destination["v6"], tc=tos, fl=flow_label, nh=proto, **fields)


def vxlan(family, inner, checksum=0, vni=VNI, udp=None, header=None, **outer):
    """checksum: 0, None (scapy computes it) or a number."""
    udp = {"sport": 51234, "dport": 4789, "chksum": checksum, **(udp or {})}
    header = {"flags": 0x08, "vni": vni, **(header or {})}
    # Built apart and glued together as octets, so that no layer overrides a field of another.
    shim = bytes(VXLAN(**header))
    return underlay(family, 17, **outer) / UDP(**udp) / Raw(shim + bytes(inner))


def gre_header(flags=0x2000, protocol=0x6558, vsid=VNI, flow_id=0):
    return struct.pack("!HHI", flags, protocol, (vsid << 8) | flow_id)


def nvgre(family, inner, header=None, **outer):
    return underlay(family, 47, **outer) / Raw(gre_header(**(header or {})) + bytes(inner))


def encapsulated(kind, family, inner, **outer):
    return vxlan(family, inner, **outer) if kind == "vxlan" else nvgre(family, inner, **outer)


def with_ipv6_header(frame, extension):
    """Puts an extension header between the outer IPv6 header and what follows it."""
    ip = frame[IPv6]
    rest = ip.payload
    extension.nh = ip.nh
    ip.remove_payload()
    del ip.nh, ip.plen
    ip.add_payload(extension / rest)
    return frame


def fragments_of(family, proto, datagram):
    """First, middle and last fragment of an IP payload."""
    cut = 32
    octets = bytes(datagram)
    parts = [octets[:cut], octets[cut:2 * cut], octets[2 * cut:]]
    for index, (name, part) in enumerate(zip(("first", "middle", "last"), parts)):
        more, offset = index < 2, index * cut // 8
        if family == "v4":
            yield name, underlay("v4", proto, flags="MF" if more else 0, frag=offset, id=77) / Raw(part)
        else:
            yield name, underlay("v6", 44) / IPv6ExtHdrFragment(
                nh=proto, offset=offset, m=int(more), id=77) / Raw(part)


# -- the sets of received packets ---------------------------------------------------------------

class Set:
    """A pcap file and the list beside it."""

    def __init__(self, name):
        self.name, self.frames, self.rows = name, [], []

    def add(self, name, frame, verdict, **row):
        assert name not in {r["name"] for r in self.rows}, name
        self.frames.append(bytes(frame))
        self.rows.append({"name": name, "verdict": verdict, **row})

    def accept(self, name, frame, kind, inner, vni=VNI, l3="ipv4", vlans=0, padding=0):
        octets = bytes(frame)
        size = len(bytes(inner))
        self.add(name, octets, "ok", kind=kind, vni=vni, inner_offset=len(octets) - padding - size,
                 inner_octets=size, inner_l3=l3, inner_vlans=vlans)

    def pcap(self):
        out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        for frame in self.frames:
            out += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
        assert len(out) < MAX_PCAP, (self.name, len(out))
        return out

    def json(self):
        rows = ",\n".join("  " + json.dumps(row) for row in self.rows)
        return f"[\n{rows}\n]\n".encode()


def add_common(out, kind, family):
    """What both encapsulations share."""
    for name, inner, l3, vlans in INNERS:
        out.accept(f"inner_{name}", encapsulated(kind, family, inner), kind, inner, l3=l3, vlans=vlans)
    inner = inner_ipv4()
    ip = {"v4": IP, "v6": IPv6}[family]

    frame = encapsulated(kind, family, inner)
    out.accept("outer_tag", tagged(frame, 0x8100), kind, inner)
    # RFC 894: Ethernet padding is not part of the datagram.
    out.accept("ethernet_padding", Raw(bytes(frame) + bytes(5)), kind, inner, padding=5)
    out.accept("outer_tos", encapsulated(kind, family, inner, tos=0xB8), kind, inner)
    tiny = Raw(b"")
    out.add("empty_inner", encapsulated(kind, family, tiny), "ok", kind=kind, vni=VNI,
            inner_offset=len(bytes(encapsulated(kind, family, tiny))), inner_octets=0,
            inner_l3="truncated_ethernet", inner_vlans=0)

    if family == "v4":
        out.accept("ip_options", encapsulated(kind, family, inner, options=[IPOption_RR()]), kind, inner)
        out.accept("ttl_1", encapsulated(kind, family, inner, ttl=1), kind, inner)
        out.accept("df_clear", encapsulated(kind, family, inner, flags=0, id=99), kind, inner)
        out.add("bad_ip_checksum", encapsulated(kind, family, inner, chksum=0x1234), "bad_ipv4_checksum")
        out.add("bad_ip_checksum_with_options", encapsulated(
            kind, family, inner, chksum=0x1234, options=[IPOption_RR()]), "bad_ipv4_checksum")
        out.add("zero_ip_checksum", encapsulated(kind, family, inner, chksum=0), "bad_ipv4_checksum")
    else:
        out.accept("flow_label", encapsulated(kind, family, inner, flow_label=0xFFFFF), kind, inner)
        for name, extension in (("hop_by_hop", IPv6ExtHdrHopByHop()),
                                ("destination_options", IPv6ExtHdrDestOpt()),
                                # RFC 6946: a whole packet in spite of its fragment header.
                                ("atomic_fragment", IPv6ExtHdrFragment(id=5))):
            out.accept(name, with_ipv6_header(encapsulated(kind, family, inner), extension), kind, inner)

    # RFC 7348 s4.3, RFC 7637 s4.4.
    proto = 17 if kind == "vxlan" else 47
    datagram = encapsulated(kind, family, inner_ipv4(data=DATA * 3))[ip].payload
    for name, fragment in fragments_of(family, proto, datagram):
        out.add(f"{name}_fragment", fragment, "outer_fragment")


def vxlan_set(family):
    out = Set(f"vxlan_{family}")
    add_common(out, "vxlan", family)
    inner = inner_ipv4()

    # RFC 7348 s5: reserved fields are ignored on receipt.
    for bit in (0, 1, 2, 4, 5, 6, 7):
        out.accept(f"reserved_flag_{bit}", vxlan(family, inner, header={"flags": 0x08 | 1 << bit}),
                   "vxlan", inner)
    frame = bytearray(bytes(vxlan(family, inner)))
    shim = len(frame) - len(bytes(inner)) - 8
    frame[shim:shim + 4] = b"\xff\xff\xff\xff"
    frame[shim + 7] = 0xFF
    out.accept("all_reserved_bits", Raw(bytes(frame)), "vxlan", inner)
    # RFC 7348 s5: the I flag MUST be set.
    for name, flags in (("no_flags", 0x00), ("all_flags_but_i", 0xF7)):
        out.add(name, vxlan(family, inner, header={"flags": flags}), "vxlan_flag_missing")

    for vni in (0, 1, 0xFFF, 0xFFFFFF):
        out.accept(f"vni_{vni:x}", vxlan(family, inner, vni=vni), "vxlan", inner, vni=vni)
    for port in (1, 49151, 65535):  # the source port range is for senders
        out.accept(f"source_port_{port}", vxlan(family, inner, udp={"sport": port}), "vxlan", inner)
    out.add("other_port", vxlan(family, inner, udp={"dport": 4790}), "not_tunnel")
    out.add("vxlan_port_as_source", vxlan(family, inner, udp={"sport": 4789, "dport": 50000}),
            "not_tunnel")

    # RFC 7348 s5, RFC 6935: zero is accepted, good is accepted, wrong is dropped.
    odd = inner_ipv4(data=DATA[:31])
    out.accept("good_checksum", vxlan(family, inner, checksum=None), "vxlan", inner)
    out.accept("good_checksum_odd_size", vxlan(family, odd, checksum=None), "vxlan", odd)
    good = bytearray(bytes(vxlan(family, inner, checksum=None)))
    good[-1] ^= 0x01
    out.add("bad_checksum_last_bit", Raw(bytes(good)), "bad_udp_checksum")
    out.add("bad_checksum", vxlan(family, inner, checksum=0x1234), "bad_udp_checksum")
    out.add("bad_checksum_ones", vxlan(family, inner, checksum=0xFFFF), "bad_udp_checksum")

    # RFC 768: the length counts header and data.
    right = 16 + len(bytes(inner))
    for name, length in (("zero", 0), ("below_header", 7), ("one_less", right - 1),
                         ("one_more", right + 1), ("maximum", 65535)):
        out.add(f"udp_length_{name}", vxlan(family, inner, udp={"len": length}), "bad_udp_length")
    for size in range(8):
        short = underlay(family, 17) / UDP(sport=51234, dport=4789, chksum=0) / Raw(
            bytes(VXLAN(flags=8, vni=VNI))[:size])
        out.add(f"vxlan_header_of_{size}", short, "truncated_vxlan")
    return out


def nvgre_set(family):
    out = Set(f"nvgre_{family}")
    add_common(out, "nvgre", family)
    inner = inner_ipv4()

    # RFC 2784 s2.3: bits 6-12 are ignored on receipt, a packet with one of bits 1-5 is discarded;
    # RFC 7637 s3.2: C and S clear, K set. Bit 0 is the highest.
    for bit in range(6, 13):
        out.accept(f"reserved_bit_{bit}", nvgre(family, inner, header={"flags": 0x2000 | 0x8000 >> bit}),
                   "nvgre", inner)
    out.accept("all_reserved_bits", nvgre(family, inner, header={"flags": 0x23F8}), "nvgre", inner)
    for bit in (0, 1, 3, 4, 5):
        out.add(f"flag_bit_{bit}", nvgre(family, inner, header={"flags": 0x2000 | 0x8000 >> bit}),
                "gre_flags_refused")
    out.add("no_key", nvgre(family, inner, header={"flags": 0}), "gre_flags_refused")
    for version in (1, 7):
        out.add(f"version_{version}", nvgre(family, inner, header={"flags": 0x2000 | version}),
                "gre_not_nvgre")
    for protocol in (0x0800, 0x86DD, 0x880B):
        out.add(f"protocol_{protocol:04x}", nvgre(family, inner, header={"protocol": protocol}),
                "gre_not_nvgre")
    # Plain GRE has a header of four octets: what follows is the inner packet, not a key.
    plain = underlay(family, 47) / GRE(proto=0x0800) / IP(src="10.1.0.1", dst="10.1.0.2") / ICMP()
    out.add("plain_gre_ipv4", plain, "gre_not_nvgre")

    # RFC 7637 s3.2 and s3.4.
    for vsid in (0x1000, 0xFFFFFE):
        out.accept(f"vsid_{vsid:x}", nvgre(family, inner, header={"vsid": vsid}), "nvgre", inner, vni=vsid)
    for vsid in (0, 1, 0xFFF, 0xFFFFFF):
        out.add(f"reserved_vsid_{vsid:x}", nvgre(family, inner, header={"vsid": vsid}), "reserved_vsid")
    out.accept("flow_id", nvgre(family, inner, header={"flow_id": 0xA5}), "nvgre", inner)
    for size in range(8):
        out.add(f"gre_header_of_{size}", underlay(family, 47) / Raw(gre_header()[:size]), "truncated_gre")
    return out


def not_tunnel_set():
    """What an uplink receives besides tunnels: decap must leave it to others."""
    out = Set("not_tunnel")
    ethernet = Ether(src=ROUTER_MAC, dst=UPLINK_MAC)
    out.add("arp", ethernet / ARP(op="who-has", hwsrc=ROUTER_MAC, psrc=REMOTE["v4"], pdst=LOCAL["v4"]),
            "not_tunnel")
    out.add("not_ip", Ether(src=ROUTER_MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(DATA), "not_tunnel")
    out.add("icmp", underlay("v4", 1) / ICMP(id=1) / Raw(DATA), "not_tunnel")
    out.add("icmpv6", underlay("v6", 58) / ICMPv6EchoRequest(id=1), "not_tunnel")
    out.add("tcp", underlay("v4", 6) / TCP(sport=1, dport=4789), "not_tunnel")
    out.add("ospf", underlay("v4", 89) / Raw(DATA), "not_tunnel")
    out.add("no_next_header", underlay("v6", 59), "not_tunnel")
    out.add("icmp_bad_ip_checksum", underlay("v4", 1, chksum=1) / ICMP(id=1), "bad_ipv4_checksum")
    for family in ("v4", "v6"):
        echo = ICMP(id=1) / Raw(DATA * 3)
        for name, fragment in fragments_of(family, 1, echo):
            out.add(f"icmp_{name}_fragment_{family}", fragment, "not_tunnel")
        # The first fragment shows a port that is not ours; the others could be anybody's.
        other = UDP(sport=1, dport=53, len=200, chksum=0) / Raw(DATA * 3)
        for name, fragment in fragments_of(family, 17, other):
            out.add(f"udp_{name}_fragment_{family}", fragment,
                    "not_tunnel" if name == "first" else "outer_fragment")
    return out


# -- ToS ----------------------------------------------------------------------------------------

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
ECN_NAME = {NOT_ECT: "not_ect", ECT1: "ect1", ECT0: "ect0", CE: "ce"}

# RFC 6040 figure 4: {arriving inner: {arriving outer: outgoing}}; None is <drop>.
FIGURE_4 = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


def tos_set():
    """Figure 4 for each transport and inner family, and what each DSCP mode does (RFC 2983)."""
    out = Set("tos")
    inners = {"ipv4": inner_ipv4, "ipv6": inner_ipv6}

    def add(name, kind, family, inner, mode, outer_tos, inner_tos):
        frame = encapsulated(kind, family, inners[inner](inner_tos, b""), tos=outer_tos)
        ecn = FIGURE_4[inner_tos & 3][outer_tos & 3]
        if ecn is None:
            out.add(name, frame, "ecn_congestion_lost", mode=mode)
            return
        dscp = (outer_tos if mode == "uniform" else inner_tos) & 0xFC
        out.add(name, frame, "ok", mode=mode, inner=bytes(inners[inner](dscp | ecn, b"")).hex())

    for kind in ("vxlan", "nvgre"):
        for family in ("v4", "v6"):
            for inner in inners:
                for inner_ecn in FIGURE_4:
                    for outer_ecn in FIGURE_4[inner_ecn]:
                        add(f"{kind}_{family}_{inner}_{ECN_NAME[inner_ecn]}_in_{ECN_NAME[outer_ecn]}",
                            kind, family, inner, "pipe", 0xB8 | outer_ecn, 0x28 | inner_ecn)
    for mode in ("uniform", "pipe", "fixed"):
        for inner in inners:
            for dscp in (0, 46, 63):
                add(f"{mode}_{inner}_dscp_{dscp}", "vxlan", "v4", inner, mode, dscp << 2 | ECT0, 0x28 | ECT0)
                add(f"{mode}_{inner}_dscp_{dscp}_ce", "nvgre", "v6", inner, mode, dscp << 2 | CE, 0x48 | ECT1)
    return out


# -- transmit -----------------------------------------------------------------------------------

def transmit_set():
    """What write_outer must produce, octet for octet. Where entropy goes is Weft's choice within
    RFC 7348 s5 (source port), RFC 7637 s3.2 (FlowID) and RFC 6438 s3 (flow label)."""
    out = Set("transmit")

    def add(name, kind, family, inner, tos=0, entropy=0x89ABCDEF, vni=VNI, ttl=64, port=4789,
            udp6_checksum=False):
        outer = {"tos": tos, "sender": "local"}
        if family == "v4":
            outer["ttl"] = ttl
        else:
            outer["hlim"] = ttl
            outer["flow_label"] = entropy & 0xFFFFF or 1
        if kind == "vxlan":
            frame = vxlan(family, inner, checksum=None if udp6_checksum else 0, vni=vni,
                          udp={"sport": 49152 + (entropy >> 18), "dport": port}, **outer)
        else:
            frame = nvgre(family, inner, header={"vsid": vni, "flow_id": entropy >> 24}, **outer)
        out.add(name, frame, "ok", kind=kind, vni=vni, source_mac=UPLINK_MAC, destination_mac=ROUTER_MAC,
                local=LOCAL[family], remote=REMOTE[family], ttl=ttl, udp_destination_port=port,
                udp6_checksum=udp6_checksum, tos=tos, entropy=entropy,
                inner_offset=len(bytes(frame)) - len(bytes(inner)))

    for kind in ("vxlan", "nvgre"):
        for family in ("v4", "v6"):
            prefix = f"{kind}_{family}"
            for name, inner in (("ipv4", inner_ipv4()), ("ipv6", inner_ipv6()), ("tcp", inner_tcp()),
                                ("arp", inner_arp()), ("odd_size", inner_ipv4(data=DATA[:31])),
                                ("full_size", inner_ipv4(data=bytes(1400)))):
                add(f"{prefix}_{name}", kind, family, inner)
            for tos in (0x01, 0x02, 0x03, 0xB8, 0xFF):
                add(f"{prefix}_tos_{tos:02x}", kind, family, inner_ipv4(tos), tos=tos)
            for entropy in (0, 1, 0x00100000, 0xFFFFFFFF):
                add(f"{prefix}_entropy_{entropy:x}", kind, family, inner_ipv4(), entropy=entropy)
            add(f"{prefix}_lowest_id", kind, family, inner_ipv4(), vni=0x1000)
            add(f"{prefix}_highest_id", kind, family, inner_ipv4(), vni=0xFFFFFE)
            add(f"{prefix}_ttl_255", kind, family, inner_ipv4(), ttl=255)
            # RFC 1624 s3: sizes that drive the IPv4 header checksum through its corners.
            for size in (0, 1, 255, 256):
                add(f"{prefix}_data_{size}", kind, family, inner_ipv4(data=bytes(size)))
    add("vxlan_v4_port_8472", "vxlan", "v4", inner_ipv4(), port=8472)
    for size in (31, 32, 1400):
        add(f"vxlan_v6_checksum_{size}", "vxlan", "v6", inner_ipv4(data=bytes(range(1, 201))[:size] * 7),
            udp6_checksum=True)
    add("vxlan_v6_checksum_of_zero", "vxlan", "v6", zero_checksum_inner(), udp6_checksum=True)
    return out


def zero_checksum_inner():
    """An inner frame that makes the UDP checksum over IPv6 come out as zero, which RFC 768 sends as all
    ones: the word at its end is chosen for that."""
    def frame(word):
        return Ether(src=A, dst=B, type=0x88B5) / Raw(struct.pack("!15xBH", 1, word))
    entropy = 0x89ABCDEF
    probe = vxlan("v6", frame(0), checksum=None, udp={"sport": 49152 + (entropy >> 18)},
                  sender="local", flow_label=entropy & 0xFFFFF)
    word = UDP(bytes(probe[UDP])).chksum
    final = vxlan("v6", frame(word), checksum=None, udp={"sport": 49152 + (entropy >> 18)},
                  sender="local", flow_label=entropy & 0xFFFFF)
    assert UDP(bytes(final[UDP])).chksum == 0xFFFF
    return frame(word)


# -- seeds --------------------------------------------------------------------------------------

def guard_seeds():
    """What the source guard looks into: {name: frame}. The endpoint is A with 10.1.0.1 and fd00::1."""
    own, link_local = "fd00::1", "fe80::ff:fe00:a"

    def nd(message, source=own):
        return Ether(src=A, dst="33:33:00:00:00:01") / IPv6(src=source, dst="ff02::1", hlim=255) / message

    source, target = ICMPv6NDOptSrcLLAddr(lladdr=A), ICMPv6NDOptDstLLAddr(lladdr=A)
    return {
        "arp": inner_arp(),
        "ipv4": inner_ipv4(),
        "ipv6": inner_ipv6(),
        "dhcp": Ether(src=A, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(
            sport=68, dport=67) / Raw(DATA),
        "solicit": nd(ICMPv6ND_NS(tgt="fd00::2") / source),
        "duplicate_detection": nd(ICMPv6ND_NS(tgt=own), "::"),
        "advert": nd(ICMPv6ND_NA(tgt=own) / target),
        "advert_two_options": nd(ICMPv6ND_NA(tgt=own) / target / source, link_local),
        "router_solicit": nd(ICMPv6ND_RS() / source, link_local),
        "router_advert": nd(ICMPv6ND_RA() / source, link_local),
        "listener_report": nd(ICMPv6MLReport2(), "::"),
    }


def seeds(sets):
    """{path: octets}: one of each family and encapsulation, so that the corpus stays small."""
    files = {}
    for golden in sets:
        if golden.name in ("vxlan_v6", "nvgre_v4", "not_tunnel"):
            for row, frame in zip(golden.rows, golden.frames):
                files[CORPUS / "decap" / f"{golden.name}_{row['name']}"] = frame
    for name, frame in guard_seeds().items():
        files[CORPUS / "guard" / name] = bytes(frame)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    check = parser.parse_args().check
    sets = [vxlan_set("v4"), vxlan_set("v6"), nvgre_set("v4"), nvgre_set("v6"), not_tunnel_set(),
            tos_set(), transmit_set()]
    files = seeds(sets)
    for golden in sets:
        files[HERE / f"{golden.name}.pcap"] = golden.pcap()
        files[HERE / f"{golden.name}.json"] = golden.json()

    stale = []
    for path, octets in files.items():
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
        elif not path.exists() or path.read_bytes() != octets:
            stale.append(path.name)
    if stale:
        print("differ from what generate.py makes:", ", ".join(stale))
        return 1
    print(f"{len(sets)} sets, {sum(len(s.frames) for s in sets)} packets, {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
