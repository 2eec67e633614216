"""Network namespaces as objects: run, start, send and receive frames inside."""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4  # linux/if_packet.h
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# Programs built with sanitizers are several times slower: every deadline is stretched.
SLOWNESS = float(os.environ.get("WEFT_TEST_SLOWNESS", "1"))


def wait_until(condition, what, seconds=5.0, pause=0.02):
    """Polls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + seconds * SLOWNESS
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {seconds * SLOWNESS:.0f} s in vain: {what}"
        time.sleep(pause)


def run(*command, check=True, timeout=60, **options):
    """Runs a program of the host and returns its output; fails with what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=timeout * SLOWNESS, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(
            f"`{' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


class Namespace:
    """A network namespace: a host or a container. IPv6 works at once (no duplicate detection)."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run("ip", "netns", "add", name)
        for key in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{key}.accept_dad", 0)
            self.sysctl(f"net.ipv6.conf.{key}.router_solicitations", 0)
        self.ip("link set lo up")

    def inside(self, *command):
        """The command line that runs `command` in here."""
        return ["nsenter", f"--net={self.path}", *[str(word) for word in command]]

    def run(self, *command, **options):
        return run(*self.inside(*command), **options)

    def ip(self, arguments):
        return run("ip", "-n", self.name, *arguments.split()).stdout

    def sysctl(self, key, value):
        self.run("sysctl", "-q", "-w", f"{key}={value}")

    def links(self):
        """Names of the interfaces in here, loopback left out."""
        listed = json.loads(run("ip", "-n", self.name, "-j", "link").stdout or "[]")
        return [link["ifname"] for link in listed if link["ifname"] != "lo"]

    def link(self, name):
        return json.loads(run("ip", "-n", self.name, "-j", "-d", "addr", "show", "dev", name).stdout)[0]

    def mac(self, interface):
        return self.link(interface)["address"]

    def statistics(self, interface):
        """The kernel's counters of an interface: rx and tx packets, bytes, errors, dropped."""
        listed = json.loads(run("ip", "-n", self.name, "-j", "-s", "link", "show", "dev", interface).stdout)
        return listed[0]["stats64"]

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace meanwhile: sockets that it opens belong here."""
        with open("/proc/self/ns/net", "rb") as home, open(self.path, "rb") as here:
            _setns(here.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def send_frames(self, interface, frames, pause=0.0):
        """Sends frames as they are, from octets or scapy packets, past the namespace's own stack."""
        with self.entered():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with raw:
            raw.bind((interface, 0))
            for frame in frames:
                raw.send(bytes(frame))
                if pause:
                    time.sleep(pause)

    def capture(self, interface):
        return Capture(self, interface)

    def delete(self):
        run("ip", "netns", "del", self.name, check=False)


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Capture:
    """Everything that arrives on an interface, from construction on: a raw socket, no tcpdump."""

    def __init__(self, namespace, interface):
        with namespace.entered():
            self._socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def frames(self, outgoing=False):
        """The octets of the frames received since the last call."""
        found = []
        while True:
            try:
                octets, address = self._socket.recvfrom(70000)
            except BlockingIOError:
                return found
            if outgoing or address[2] != PACKET_OUTGOING:
                found.append(octets)

    def wait_for(self, matches, what, seconds=5.0):
        """The first frame for which `matches(octets)` is true."""
        return wait_until(
            lambda: next(filter(matches, self.frames()), None), f"a frame: {what}", seconds)
