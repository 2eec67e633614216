"""Frames built with scapy: what a remote VTEP or a malicious container might send."""

from scapy.all import (
    ARP, GRE, ICMP, IP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IPv6, Raw, UDPerror)
from scapy.layers.vxlan import VXLAN

from .worlds import LOCAL, REMOTE, VNI

C1, C2, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:99"

__all__ = [
    "ARP", "C1", "C2", "GRE", "ICMP", "IP", "OTHER", "UDP", "VXLAN", "Dot1Q", "Ether",
    "ICMPv6EchoRequest", "IPv6", "Raw", "UDPerror", "inner_ping", "nvgre", "outer", "raw_gre", "vxlan"]


def inner_ping(tos=0, source="10.1.0.2", destination="10.1.0.1", mac=C2, to=C1, size=32):
    """An echo request from c2 to c1."""
    return (
        Ether(src=mac, dst=to) / IP(src=source, dst=destination, tos=tos)
        / ICMP(id=77, seq=1) / Raw(b"x" * size))


def outer(world, family="ipv4", tos=0, **fields):
    """Ethernet and IP from the peer to weftd's VTEP."""
    uplink = world.weft("port.list")["ports"][0]
    ether = Ether(src=world.peer.mac("net0"), dst=uplink["mac"])
    if family == "ipv4":
        return ether / IP(**({"src": REMOTE["ipv4"], "dst": LOCAL["ipv4"], "tos": tos} | fields))
    return ether / IPv6(**({"src": REMOTE["ipv6"], "dst": LOCAL["ipv6"], "tc": tos} | fields))


def vxlan(world, frame, vni=VNI, family="ipv4", tos=0, flags=0x08, udp=None, **fields):
    """`frame` in VXLAN from the peer; `udp`: fields of the outer UDP header."""
    ports = {"sport": 50000, "dport": 4789} | ({"chksum": 0} if family == "ipv4" else {}) | (udp or {})
    return outer(world, family, tos, **fields) / UDP(**ports) / VXLAN(vni=vni, flags=flags) / frame


def nvgre(world, frame, vsid=VNI, flow_id=7, **fields):
    return raw_gre(
        world, frame, key_present=1, key=vsid << 8 | flow_id, proto=0x6558, **fields)


def raw_gre(world, payload, tos=0, **fields):
    return outer(world, tos=tos) / GRE(**fields) / payload
