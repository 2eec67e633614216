"""Two containers and what connects them: the kernel's bridge (and VXLAN device), or weftd.

    local     c1 -- bridge or weftd -- c2                                      one host
    tunnel    c1 -- bridge+VXLAN or weftd -- net0 ==== net0 -- bridge+VXLAN -- c2    two hosts

The second host is the kernel's, so that only the first one differs; in "weft-weft" it has a weftd
too, whose worker has the other CPU. The wire net0 is a veth pair whose ends send without offloads:
frames of wire size with complete checksums cross it, as on a cable. Kernel hosts receive with GRO, as
from a NIC. "kernel-offload" leaves all offloads on: 64 KB frames then cross the wire whole, which
no cable carries; it is a reference, not a competitor.
"""

import contextlib
import os
import signal

from harness.lab import Lab
from harness.namespace import run
from harness.traffic import warm

VNI = 5001
MTU = {"local": 1500, "tunnel": 1450}
ADDRESSES = {1: ("10.1.0.1", "fd00::1"), 2: ("10.1.0.2", "fd00::2")}
SYSTEMS = ("kernel", "weft", "weft-veth", "weft-weft", "kernel-offload")
CASES = ("local", "tunnel")


def exists(case, system):
    return case == "tunnel" or system not in ("kernel-offload", "weft-weft")


class World:
    """One system in one case. It stands still while others have their turn."""

    def __init__(self, lab, case, system, setup):
        self.case, self.system = case, system
        self._lab = lab
        self._prefix = f"{case}-{system}-"
        self.containers = {number: self._host(f"c{number}") for number in (1, 2)}
        self.daemons = []
        if case == "local":
            self._local(setup)
        else:
            self._tunnel(setup)
        warm(self.containers[1], ADDRESSES[2][0], seconds=10)
        self.freeze()

    # -- turns --------------------------------------------------------------------------------------

    def freeze(self):
        for daemon in self.daemons:
            daemon.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        for daemon in self.daemons:
            daemon.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def turn(self):
        self.thaw()
        try:
            warm(self.containers[1], ADDRESSES[2][0], seconds=10)
            yield
        finally:
            self.freeze()

    def weftd_pids(self):
        """nsenter has become weftd, so the process that was started is the daemon."""
        return [daemon.process.pid for daemon in self.daemons]

    def counters(self):
        """The first weftd's own, since its start: totals, drops by reason, the worker's load."""
        if not self.daemons:
            return {}
        daemon = self.daemons[0]
        worker = daemon("worker.list")["workers"][0]
        return {
            "totals": daemon.totals(), "drops": daemon.drops(),
            "worker": {
                key: worker[key]
                for key in ("iterations", "idle_iterations", "busy_cycles", "idle_cycles")}}

    # -- building -------------------------------------------------------------------------------------

    def _host(self, name):
        return self._lab.host(self._prefix + name)

    def _local(self, setup):
        host = self._host("A")
        if self.system == "kernel":
            _bridge(host, MTU["local"])
            for number, container in self.containers.items():
                _bridged(host, container, number, MTU["local"])
            return
        daemon = self._start_weftd(host, setup.worker_core, setup)
        daemon.segment(encap="none")
        for number in self.containers:
            self._attach(daemon, number)

    def _tunnel(self, setup):
        near, far = self._host("A"), self._host("B")
        if self.system.startswith("kernel"):
            self._lab.wire(near, far)
        else:
            self._lab.uplink_wire(near, far)
        if self.system == "kernel-offload":
            for host in (near, far):
                host.run("ethtool", "-K", "net0", "tx", "on", "tso", "on", "gso", "on")
        ends = {1: near, 2: far}
        for number, host in ends.items():
            if self.system.startswith("kernel") or (number == 2 and self.system != "weft-weft"):
                _kernel_host(host, self.containers[number], number)
            else:
                self._weft_host(host, number, setup)
        for number, daemon in enumerate(self.daemons, 1):
            daemon.remote(vtep=f"192.0.2.{3 - number}")
        if setup.receive_mask:
            for host in ends.values():
                _steer(host, setup.receive_mask)

    def _weft_host(self, host, number, setup):
        if number == 2:
            for key in ("all", "default"):
                host.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
        core = setup.worker_core
        if number == 2:
            core = next(cpu for cpu in setup.cpus if cpu != setup.worker_core)
        daemon = self._start_weftd(host, core, setup)
        daemon("port.add", name="up0", device=setup.uplink, addresses=[f"192.0.2.{number}/24"])
        daemon.segment(vni=VNI, vtep=f"192.0.2.{number}")
        self._attach(daemon, number)

    def _start_weftd(self, host, core, setup):
        daemon = self._lab.weftd(host, cores=str(core), options=["--idle", setup.idle])
        self.daemons.append(daemon)
        return daemon

    def _attach(self, daemon, number):
        daemon.attach(
            self.containers[number], _with_prefixes(number),
            kind="veth" if self.system == "weft-veth" else "tap")


def _with_prefixes(number):
    four, six = ADDRESSES[number]
    return [f"{four}/24", f"{six}/64"]


def _bridge(host, mtu):
    # Bridged frames do not go through iptables: that is the kernel at its best.
    for family in ("iptables", "ip6tables", "arptables"):
        host.run("sysctl", "-q", "-w", f"net.bridge.bridge-nf-call-{family}=0", check=False)
    host.ip("link add br0 type bridge")
    host.ip(f"link set br0 mtu {mtu} up")


def _bridged(host, container, number, mtu):
    run(
        "ip", "link", "add", "eth0", "mtu", mtu, "netns", container.name, "type", "veth",
        "peer", "name", f"h{number}", "mtu", mtu, "netns", host.name)
    host.ip(f"link set h{number} master br0 up")
    container.ip("link set eth0 up")
    for address in _with_prefixes(number):
        container.ip(f"addr add {address} dev eth0")


def _kernel_host(host, container, number):
    """The kernel as a VTEP: a bridge that holds the VXLAN device and the container's veth."""
    host.run("ethtool", "-K", "net0", "gro", "on")
    host.ip(f"addr add 192.0.2.{number}/24 dev net0")
    host.ip(
        f"link add vx0 type vxlan id {VNI} local 192.0.2.{number} remote 192.0.2.{3 - number} "
        "dstport 4789 dev net0")
    _bridge(host, MTU["tunnel"])
    host.ip(f"link set vx0 mtu {MTU['tunnel']} master br0 up")
    _bridged(host, container, number, MTU["tunnel"])


def _steer(host, mask):
    """Receive packet steering: frames of the wire are received on these CPUs, as if a NIC's interrupts
    went there. Without it a veth's frames are received by the CPU that sent them, in the sender's time."""
    folder = f"/run/sysfs-{host.name}"
    os.makedirs(folder, exist_ok=True)
    with host.entered():  # sysfs shows the namespace of whom mounts it
        run("mount", "-t", "sysfs", "none", folder)
    try:
        with open(f"{folder}/class/net/net0/queues/rx-0/rps_cpus", "w", encoding="ascii") as file:
            file.write(f"{mask:x}")
    finally:
        run("umount", folder)


@contextlib.contextmanager
def laboratory(folder, build):
    """A harness' lab whose daemons are held to their promises only if all went well."""
    os.environ["WEFT_BUILD"] = str(build)
    lab = Lab(folder)
    has_failed = True
    try:
        yield lab
        has_failed = False
    finally:
        for daemon in lab.daemons:
            daemon.process.send_signal(signal.SIGCONT)
        lab.close(has_failed)
