"""Lab: the world of one test, and its end."""

import os
import pathlib
import subprocess

from .namespace import Namespace, run
from .weftd import Weftd


class Lab:
    """Makes hosts, containers, wires and daemons; `close` holds the daemons to their promises."""

    def __init__(self, folder):
        build = pathlib.Path(os.environ["WEFT_BUILD"])
        self.weftd_binary = build / "control" / "weftd"
        self.weft_binary = build / "control" / "cli" / "weft"
        self.folder = folder
        self.namespaces = []
        self.daemons = []
        self.peers = []

    def host(self, name):
        namespace = Namespace(name)
        self.namespaces.append(namespace)
        return namespace

    container = host

    def wire(self, left, right, name="net0", mtu=1500):
        """A cable: a veth pair, both ends called `name`. DPDK's af_packet device knows nothing of
        partial checksums and large segments, so offloads are off at both ends."""
        run(
            "ip", "link", "add", name, "mtu", mtu, "netns", left.name, "type", "veth",
            "peer", "name", name, "mtu", mtu, "netns", right.name)
        for end in (left, right):
            end.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            end.ip(f"link set {name} up")

    def uplink_wire(self, weft_host, peer_host, mtu=1500):
        """A cable whose left end weftd gets: the kernel of that host must not talk on it."""
        weft_host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        weft_host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        self.wire(weft_host, peer_host, mtu=mtu)

    def weftd(self, namespace, **options):
        daemon = Weftd(self.weftd_binary, namespace, self.folder, **options)
        self.daemons.append(daemon)
        daemon.wait_until_ready()
        return daemon

    def weft(self, daemon, *words, check=True):
        """The CLI, one command."""
        return run(self.weft_binary, "--socket", daemon.socket_path, *words, check=check)

    def peer(self, peer):
        """Registers something with `stop()`."""
        self.peers.append(peer)
        return peer

    def close(self, has_failed):
        try:
            if not has_failed:
                for daemon in self.daemons:
                    if daemon.process.poll() is None:
                        daemon.assert_conserved()
                        daemon.assert_level()
                        daemon.stop()
                    daemon.assert_no_sanitizer_report()
        finally:
            self._clean()

    def _clean(self):
        for daemon in self.daemons:
            daemon.kill()
        for peer in self.peers:
            peer.stop()
        for namespace in self.namespaces:
            pids = run("ip", "netns", "pids", namespace.name, check=False).stdout.split()
            if pids:
                subprocess.run(["kill", "-9", *pids], check=False)
            namespace.delete()
