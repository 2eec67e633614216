"""The worlds that most tests live in: who is there, and under which addresses.

    host A                                     host B
    weftd, VTEP 192.0.2.1 / 2001:db8::1  net0──net0  VTEP 192.0.2.2 / 2001:db8::2
    containers c1 .1, c3 .3 (10.1.0.0/24, fd00::/64)   container c2 .2
"""

import dataclasses
import socket

from .namespace import Namespace
from .peers import KernelVxlan, OpenVSwitch, underlay
from .traffic import warm
from .weftd import Weftd

VNI = 5001
LOCAL = {"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"}
REMOTE = {"ipv4": "192.0.2.2", "ipv6": "2001:db8::2"}
INNER = {"ipv4": "10.1.0.{}", "ipv6": "fd00::{}"}


def inner(number):
    """The addresses of container number `number`, with prefix lengths."""
    return [f"10.1.0.{number}/24", f"fd00::{number}/64"]


@dataclasses.dataclass
class World:
    host: Namespace          # A
    peer: Namespace          # B
    weft: Weftd              # in A
    c1: Namespace            # attached to weft
    c2: Namespace = None     # behind the peer
    peer_weft: Weftd = None  # in B, if the peer is a weftd


def _weft_side(lab, family, encap, cores, segment, mtu=1500, options=()):
    host, peer, c1 = lab.host("A"), lab.host("B"), lab.container("c1")
    lab.uplink_wire(host, peer, mtu=mtu)
    weft = lab.weftd(host, cores=cores, options=["--max-mtu", mtu, *options])
    weft.uplink()
    weft.segment(encap=encap, vtep=LOCAL[family], **(segment or {}))
    weft.attach(c1, inner(1))
    return World(host, peer, weft, c1)


def weft_and_kernel(
        lab, family="ipv4", cores="0", segment=None, options="", mtu=1500, port=4789):
    """The peer is the kernel's VXLAN device. `port`: VXLAN's at both ends."""
    said = () if port == 4789 else ("--vxlan-port", port)
    world = _weft_side(lab, family, "vxlan", cores, segment, mtu, said)
    world.c2 = lab.container("c2")
    overhead = 50 if family == "ipv4" else 70
    KernelVxlan(
        world.peer, world.c2, vni=VNI, local=REMOTE[family], remote=LOCAL[family],
        addresses=inner(2), options=options, mtu=mtu - overhead, port=port)
    world.weft.remote(vtep=REMOTE[family])
    warm(world.c1, "10.1.0.2")
    return world


def weft_and_ovs(lab, encap, cores="0"):
    """The peer is Open vSwitch's userspace datapath."""
    world = _weft_side(lab, "ipv4", encap, cores, None)
    world.c2 = lab.container("c2")
    lab.peer(OpenVSwitch(
        world.peer, world.c2, encap="gre" if encap == "nvgre" else encap, vni=VNI,
        addresses=inner(2)))
    world.weft.remote(vtep=REMOTE["ipv4"])
    warm(world.c1, "10.1.0.2", seconds=10)
    return world


def weft_and_weft(lab, encap, family="ipv4", cores="0", peer_cores="1"):
    """The peer is another weftd."""
    world = _weft_side(lab, family, encap, cores, None)
    world.c2 = lab.container("c2")
    for key in ("all", "default"):
        world.peer.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
    world.peer_weft = lab.weftd(world.peer, cores=peer_cores)
    world.peer_weft.uplink(addresses=["192.0.2.2/24", "2001:db8::2/64"])
    world.peer_weft.segment(encap=encap, vtep=REMOTE[family])
    world.peer_weft.attach(world.c2, inner(2))
    world.weft.remote(vtep=REMOTE[family])
    world.peer_weft.remote(vtep=LOCAL[family])
    warm(world.c1, "10.1.0.2")
    return world


def weft_and_wire(lab, family="ipv4", encap="vxlan", segment=None, endpoints=()):
    """The peer is a host without a VTEP that keeps quiet: a test plays the VTEP with its own frames.

    c1 has IPv4 only and sends nothing by itself; c2 exists as a static endpoint behind the peer.
    """
    host, peer, c1 = lab.host("A"), lab.host("B"), lab.container("c1")
    if family == "ipv4":
        peer.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    c1.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    lab.uplink_wire(host, peer)
    underlay(peer, [f"{REMOTE[family]}/{24 if family == 'ipv4' else 64}"])
    lab.peer(_Sink(peer))
    weft = lab.weftd(host)
    weft.uplink()
    weft.segment(encap=encap, vtep=LOCAL[family], **(segment or {}))
    weft.attach(c1, ["10.1.0.1/24"], mac="02:00:00:00:00:01")
    weft.remote(
        vtep=REMOTE[family],
        endpoints=[{"mac": "02:00:00:00:00:02", "addresses": ["10.1.0.2"]}, *endpoints])
    return World(host, peer, weft, c1)


class _Sink:
    """Swallows tunnel packets, so that the peer's kernel does not answer "port unreachable"."""

    def __init__(self, namespace):
        kinds = (
            (socket.AF_INET, socket.SOCK_DGRAM, 0), (socket.AF_INET6, socket.SOCK_DGRAM, 0),
            (socket.AF_INET, socket.SOCK_RAW, 47), (socket.AF_INET6, socket.SOCK_RAW, 47))
        with namespace.entered():
            self._sockets = [socket.socket(*kind) for kind in kinds]
        for sink in self._sockets[:2]:
            if sink.family == socket.AF_INET6:
                sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sink.bind(("", 4789))

    def stop(self):
        for sink in self._sockets:
            sink.close()
