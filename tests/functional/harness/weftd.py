"""The daemon under test: started, asked, stopped, and held to its promises."""

import contextlib
import os
import re
import signal
import subprocess

from .namespace import SLOWNESS, wait_until
from .rpc import Rpc

SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")


def core_of_share(core):
    """Runs at the same time ($WEFT_TEST_SHARE, conftest.py) have two processors each."""
    number = int(os.environ.get("WEFT_TEST_SHARE", "0/1").split("/")[0])
    available = sorted(os.sched_getaffinity(0))
    return available[(core + 2 * number) % len(available)]


class Weftd:
    """weftd in a host namespace, on a socket of its own."""

    def __init__(
            self, binary, namespace, folder, cores="0", options=(), environment=None, prefix=(), socket=None):
        self.binary = binary
        self.namespace = namespace
        self.socket_path = socket or folder / f"{namespace.name}.sock"
        self.log_path = folder / f"{namespace.name}.log"
        self._log = open(self.log_path, "ab")
        cores = ",".join(str(core_of_share(int(core))) for core in cores.split(","))
        self.process = subprocess.Popen(
            namespace.inside(
                *prefix, binary, "--socket", self.socket_path, "--cores", cores, "--log-level", "debug",
                *options),
            stdout=self._log, stderr=subprocess.STDOUT, env=environment)
        self.rpc = None

    def wait_until_ready(self):
        self.rpc = wait_until(self._connect, f"{self.binary} answers on its socket", seconds=15)
        self._idle_mbufs = self.mbufs_in_use()

    def _connect(self):
        assert self.process.poll() is None, f"weftd ended at once:\n{self.log()}"
        try:
            rpc = Rpc(self.socket_path)
            rpc("version")
        except OSError:
            return None
        return rpc

    # -- asking ---------------------------------------------------------------------------------

    def __call__(self, method, **parameters):
        return self.rpc(method, **parameters)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def drops(self):
        """Frames lost so far, by reason: only the reasons that moved."""
        return {row["reason"]: row["count"] for row in self("drops.list")["drops"]}

    def totals(self):
        return self("stats.get")["totals"]

    def pid(self):
        return self("version")["pid"]

    @contextlib.contextmanager
    def expect_drops(self, ignoring=(), **expected):
        """What happens inside must move exactly these drop counters by exactly so much."""
        before = self.drops()

        def moved():
            after = self.drops()
            return {
                reason: after[reason] - before.get(reason, 0) for reason in after
                if after[reason] != before.get(reason, 0) and reason not in ignoring}
        yield
        try:
            wait_until(lambda: moved() == expected, f"drops {expected}", seconds=3)
        except AssertionError as error:
            raise AssertionError(f"expected drops {expected}, found {moved()}") from error

    def mbufs_in_use(self):
        pools = self("stats.get")["mbufs"]
        return {name: pool["in_use"] for name, pool in pools.items()}

    # -- building networks ------------------------------------------------------------------------

    def uplink(self, interface="net0", name="up0", addresses=("192.0.2.1/24", "2001:db8::1/64")):
        return self(
            "port.add", name=name, device=f"af_packet:{interface}", addresses=list(addresses))

    def segment(self, name="blue", tenant="acme", vni=5001, encap="vxlan", vtep="192.0.2.1", **more):
        self("tenant.add", name=tenant)
        if encap != "none":
            more |= {"vni": vni, "local_vtep": vtep}
        return self("segment.add", name=name, tenant=tenant, encap=encap, **more)

    def remote(self, segment="blue", vtep="192.0.2.2", **more):
        """Adds a remote VTEP and waits until its next hop is resolved."""
        self("remote.add", segment=segment, vtep=vtep, **more)

        def is_resolved():
            listed = self("remote.list", segment=segment)["remotes"]
            return any(row["vtep"] == vtep and row["resolved"] for row in listed)
        wait_until(is_resolved, f"{vtep} is resolved")

    def attach(self, container, addresses, segment="blue", **more):
        """Attaches a container's namespace; `addresses` with prefix lengths."""
        return self(
            "endpoint.attach", container=container.name, netns=container.path, segment=segment,
            addresses=list(addresses), **more)

    # -- the promises -----------------------------------------------------------------------------

    def assert_conserved(self):
        """rx + cloned + segmented + injected = tx + drops + coalesced + punted + in flight."""
        last = {}

        def is_conserved():
            last.update(self("stats.get"))
            return last["conserved"]
        try:
            wait_until(is_conserved, "the conservation law holds", seconds=3)
        except AssertionError as error:
            raise AssertionError(f"frames vanished or multiplied: {last['totals']}") from error

    def assert_level(self):
        """Takes everything away again; every buffer must be back in its pool."""
        for endpoint in self("endpoint.list")["endpoints"]:
            self("endpoint.detach", container=endpoint["container"])
        for segment in self("segment.list")["segments"]:
            for remote in self("remote.list", segment=segment["name"])["remotes"]:
                self("remote.remove", segment=segment["name"], vtep=remote["vtep"])
            self("segment.remove", name=segment["name"])
        for port in self("port.list")["ports"]:
            self("port.remove", name=port["name"])
        wait_until(
            lambda: all(self.mbufs_in_use()[pool] <= n for pool, n in self._idle_mbufs.items()),
            f"all mbufs are back (idle: {self._idle_mbufs}, last: {self.mbufs_in_use()})")

    def stop(self, expected_status=0):
        """SIGTERM, and a clean end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=15 * SLOWNESS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"weftd does not end on SIGTERM:\n{self.log()[-4000:]}") from error
        self._log.close()
        assert status == expected_status, f"weftd ended with {status}:\n{self.log()[-4000:]}"
        assert not self.socket_path.exists(), "the socket is left behind"

    def kill(self):
        """No promise: the end of a failed test."""
        self.process.kill()
        self.process.wait()
        if self.rpc:
            self.rpc.close()

    def assert_no_sanitizer_report(self):
        found = SANITIZER_REPORT.search(self.log())
        assert not found, self.log()[max(0, found.start() - 200):found.start() + 6000]
