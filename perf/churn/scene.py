"""A weftd with two containers that talk, whatever control does meanwhile."""

import contextlib
import json
import pathlib
import subprocess
import time

from harness.namespace import wait_until
from harness.traffic import warm
from peer.machine import Trouble, run

from unmodified.traffic import PROBE_PORT

from . import rules


class Scene:
    """One host, one tenant, one segment without tunnels, containers c1 and c2."""

    def __init__(self, lab, name, options, probe, idle="auto"):
        self.name = name
        self._program = probe
        self.host = lab.host(f"{name}-A")
        self.containers = [lab.host(f"{name}-c{number}") for number in (1, 2)]
        self.weft = lab.weftd(self.host, cores=str(options.worker_core), options=["--idle", idle])
        self.weft.segment(encap="none", tenant=rules.TENANT)
        for number, container in enumerate(self.containers, 1):
            self.weft.attach(
                container, [f"10.1.0.{number}/24"], groups=["load", *(f"g{i}" for i in range(number, 64, 8))],
                labels={"app": f"a{number}"})
        warm(self.containers[0], "10.1.0.2")

    @property
    def socket(self):
        return self.weft.socket_path

    @property
    def pid(self):
        return self.weft.process.pid

    def worker_task(self):
        """/proc/.../task/... of the worker."""
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("rte-worker"):
                return task
        raise Trouble("weftd has no thread called rte-worker")

    def control_task(self):
        return pathlib.Path(f"/proc/{self.pid}/task/{self.pid}")

    @contextlib.contextmanager
    def load(self, rate, size=64):
        """Packets from c1 to c2 meanwhile; yields a dictionary that is filled at the end."""
        found = {}
        sink = subprocess.Popen(
            self.containers[1].inside(self._program, "receive", PROBE_PORT),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        source = None
        try:
            sink.stdout.readline()
            source = subprocess.Popen(
                self.containers[0].inside(
                    self._program, "send", "10.1.0.2", PROBE_PORT, rate, 3600, size),
                stdout=subprocess.DEVNULL)
            started = time.monotonic()
            yield found
            source.kill()
            took = time.monotonic() - started
            time.sleep(0.05)
            report, _ = sink.communicate(timeout=10)
            found.update(_load_report(report, took))
        finally:
            for process in filter(None, (source, sink)):
                process.kill()
                process.wait()


def _load_report(text, seconds):
    got = json.loads(text)
    return {
        "pps": got["received"] / seconds, "lost": got["highest"] - got["received"],
        **{key: got[f"{key}_ns"] / 1e3 for key in ("p50", "p99", "p999", "max")}}


def make_namespaces(names):
    """Many at once: one `ip` for all of them."""
    run("sh", "-c", "for n in \"$@\"; do echo netns add $n; done | ip -batch -", "sh", *names, seconds=300)
    wait_until(lambda: pathlib.Path(f"/run/netns/{names[-1]}").exists(), "namespaces exist")


def delete_namespaces(names):
    run("sh", "-c", "for n in \"$@\"; do echo netns del $n; done | ip -batch -", "sh", *names, seconds=300)
